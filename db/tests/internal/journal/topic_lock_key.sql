BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT is(khala_internal.topic_lock_key('a'), khala_internal.topic_lock_key('a'), 'one key for a topic');
SELECT isnt(khala_internal.topic_lock_key('a'), khala_internal.topic_lock_key('b'), 'another one for another');
SELECT is(khala_internal.topic_lock_key(NULL), NULL, 'none for none');

-- Who locks the row without it, or before it, and a writer would wait for each other.
CREATE FUNCTION pg_temp.is_held() RETURNS boolean LANGUAGE sql AS $$
SELECT EXISTS (
    SELECT FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid = pg_backend_pid() AND l.objsubid = 1
        AND (l.classid::bigint << 32 | l.objid::bigint) = khala_internal.topic_lock_key('runtime.run_summaries')
)
$$;
SELECT is(pg_temp.is_held(), FALSE, 'nobody holds it to begin with');
SELECT count(*) FROM khala_internal.rebuild_entities('run', ARRAY['no such run']);
SELECT ok(pg_temp.is_held(), 'a rebuild, which locks the row before it writes, takes it');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
