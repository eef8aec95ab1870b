-- Returns the epoch after checking that it belongs to this database. A restored dump, a physical copy and a promoted
-- standby carry the epoch of their origin, in which watermarks may be allocated again. A relay calls this before
-- it serves clients, so no client meets such a database under the old epoch.

CREATE OR REPLACE FUNCTION khala.ensure_epoch()
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch text;
    v_fingerprint text;
BEGIN
    FOR v_attempt IN 1 .. 2 LOOP
        SELECT e.epoch, e.fingerprint INTO v_epoch, v_fingerprint
        FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1;
        IF v_fingerprint = khala.database_fingerprint() THEN
            RETURN v_epoch;
        END IF;
        -- Two relays may get here at once: the second looks again under the lock, so they agree.
        PERFORM pg_advisory_xact_lock(hashtextextended('khala.ensure_epoch', 0));
    END LOOP;
    RETURN khala.new_epoch(CASE WHEN v_epoch IS NULL THEN 'first' ELSE 'database restored, copied or promoted' END);
END
$$;

COMMENT ON FUNCTION khala.ensure_epoch() IS
'Current epoch; a new one if the database was restored, copied or promoted. Arguments: none. Result: the epoch. Errors: 40001 as khala.new_epoch.';
REVOKE ALL ON FUNCTION khala.ensure_epoch() FROM public;
GRANT EXECUTE ON FUNCTION khala.ensure_epoch() TO khala_relay, khala_dba;
