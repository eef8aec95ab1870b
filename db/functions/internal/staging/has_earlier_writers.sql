-- Search for a transaction that may have staged a write to a topic and is older than a given one. pg_locks shows all
-- locks of one moment: a transaction that has staged a write and not ended holds the shared lock, and the one of its
-- own transaction id. More expensive than a look at the oldest transaction of all, but not misled by an unrelated
-- one.

CREATE OR REPLACE FUNCTION khala_internal.has_earlier_writers(p_topic text, p_transaction xid8)
RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
WITH locks AS MATERIALIZED (
    SELECT l.locktype, l.mode, l.database, l.classid, l.objid, l.objsubid, l.virtualtransaction, l.transactionid
    FROM pg_locks AS l
    WHERE l.granted AND l.locktype IN ('advisory', 'transactionid')
)
SELECT EXISTS (
    SELECT
    FROM locks AS w
    LEFT JOIN locks AS t
        ON w.virtualtransaction = t.virtualtransaction AND t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock'
    WHERE w.locktype = 'advisory' AND w.mode = 'ShareLock' AND w.objsubid = 1
        AND w.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND (w.classid::bigint << 32 | w.objid::bigint) = khala_internal.staging_lock_key(p_topic)
        AND (t.transactionid IS NULL OR age(t.transactionid) > age(xid(p_transaction)))
)
$$;

COMMENT ON FUNCTION khala_internal.has_earlier_writers(text, xid8) IS
'Internal: whether any transaction that shares the lock of a topic''s staging writers is older than a given one. Arguments: topic; id of the given transaction. Result: true if there is one, or one with an unknown id. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.has_earlier_writers(text, xid8) FROM public;
