BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

DO $$
BEGIN
    FOR v_number IN 1 .. 40 LOOP
        PERFORM khala.register_topic('pgtap.many_' || v_number);
    END LOOP;
    PERFORM khala.sink('pgtap.many_1', 'a', 3, '{"x":1}', 'red');
    PERFORM khala.sink_delete('pgtap.many_1', 'b', 4);
    PERFORM khala.sink('pgtap.many_2', 'a', 9, '{}');
END
$$;

SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
      FROM khala_internal.stored_documents('pgtap.many_1', ARRAY['b', 'a', 'c']) AS d ORDER BY d.doc_key$$,
    $$VALUES ('a', 3::bigint, khala.payload_hash('{"x":1}'), 'red', FALSE, 1::bigint), ('b', 4, NULL, NULL, TRUE, 2)$$,
    'those that are there, of this topic'
);
SELECT is_empty($$SELECT d.* FROM khala_internal.stored_documents('pgtap.unknown', ARRAY['a']) AS d$$, 'no topic, no documents');
SELECT is_empty($$SELECT d.* FROM khala_internal.stored_documents('pgtap.many_1', '{}') AS d$$, 'no keys neither');

SELECT is((SELECT bool_and(t.many_topics) FROM runtime.sync_topics AS t), TRUE, 'every topic says that there are many');

-- However many topics there are, a writer locks its own read model only.
CREATE FUNCTION pg_temp.read_locks() RETURNS bigint LANGUAGE sql VOLATILE AS $$
SELECT count(*) FROM pg_locks AS l INNER JOIN pg_class AS c ON l.relation = c.oid
WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessShareLock' AND c.relname LIKE 'sync\_pgtap\_many\_%' AND c.relkind = 'r'
$$;
CREATE TEMP TABLE locks_before AS SELECT pg_temp.read_locks() AS n;
SELECT is(
    (SELECT array_agg(w.outcome) FROM khala.sink('pgtap.many_3', 'a', 1, '{}') AS w), ARRAY['applied'], 'one document is written'
);
SELECT is(
    (SELECT array_agg(w.outcome) FROM khala.sink_batch('pgtap.many_4', '[{"doc_key": "a", "doc_version": 1, "payload": {}}]') AS w),
    ARRAY['applied'], 'and a batch'
);
SELECT cmp_ok(pg_temp.read_locks(), '<=', (SELECT b.n + 2 FROM locks_before AS b), 'no other read model is locked for it');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
