-- Sessions that keep the writers and the sequencer of a topic waiting, for messages to an operator. A transaction that
-- has locked only the topic's row is not among them: pg_locks does not name the holders of row locks.

CREATE OR REPLACE FUNCTION khala.topic_holders(p_topic text)
RETURNS SETOF integer
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT l.pid
FROM pg_locks AS l
WHERE l.granted AND l.pid IS NOT NULL AND l.locktype = 'advisory' AND l.objsubid = 1
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = khala_internal.topic_lock_key(p_topic)
ORDER BY l.pid
$$;

COMMENT ON FUNCTION khala.topic_holders(text) IS
'Sessions whose transactions have written to a topic, or sequence it, and have not ended. Argument: the topic. Result: their process ids; none for an unknown topic. Errors: none.';
REVOKE ALL ON FUNCTION khala.topic_holders(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.topic_holders(text) TO khala_runtime, khala_dba;
