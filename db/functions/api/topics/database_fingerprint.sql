-- Identity of a database, which differs in a restored, copied or promoted one: the server's identifier and timeline,
-- the database, and the file of the epoch table. That file is new when a dump created the table again, and when its
-- rows were restored after a TRUNCATE. (VACUUM FULL creates one too: clients resynchronise once more.)

CREATE OR REPLACE FUNCTION khala.database_fingerprint()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT concat_ws(
    '/',
    (SELECT s.system_identifier FROM pg_control_system() AS s),
    -- The checkpoint record lags behind a promotion; the WAL file that is written does not.
    CASE
        WHEN pg_is_in_recovery() THEN (SELECT c.timeline_id FROM pg_control_checkpoint() AS c)
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END,
    (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()),
    pg_relation_filenode('runtime.sync_epochs')
);
$$;

COMMENT ON FUNCTION khala.database_fingerprint() IS
'Identity of the server, timeline, database and epoch table. Arguments: none. Result: system identifier/timeline/database/table file. Errors: none.';
REVOKE ALL ON FUNCTION khala.database_fingerprint() FROM public;
GRANT EXECUTE ON FUNCTION khala.database_fingerprint() TO khala_dba;
