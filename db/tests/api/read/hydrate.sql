BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(23);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.hydrate', p_enum_name => 'SYNC_TOPIC_PGTAP_HYDRATE', p_payload_mode => 'pointer', p_inline_limit_bytes => 10, p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.hydrate', 'public', 1, '{"n":1}');
    PERFORM khala.sink('pgtap.hydrate', 'of a', 1, '{"n":2}', 'a');
    PERFORM khala.sink('pgtap.hydrate', 'gone', 1, '{"n":3}');
    PERFORM khala.sink_delete('pgtap.hydrate', 'gone', 2);
    PERFORM khala.sink('pgtap.hydrate', 'moved', 1, '{"n":4}', 'a');
    PERFORM khala.sink('pgtap.hydrate', 'moved', 2, '{"n":4}', 'b');
    PERFORM khala.sink('pgtap.hydrate', 'large', 9007199254740992, jsonb_build_object('x', repeat('x', 1000000)));
    PERFORM khala.sink('pgtap.hydrate', 'noughts', 1, jsonb_build_object('x', (SELECT jsonb_agg(1e300) FROM generate_series(1, 1000))));
    PERFORM khala.sink('pgtap.hydrate', E'odd "\\\n😀', 1, '{"n":5}');
END
$$;

SELECT is(
    khala.hydrate('pgtap.hydrate', 'public', NULL)::jsonb,
    '{"topic":"pgtap.hydrate","doc_key":"public","doc_version":1,"watermark":1,"payload_hash":"K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=","hydration_required":false,"payload":{"n":1}}'::jsonb,
    'a document with its payload'
);
SELECT is(khala.hydrate('pgtap.hydrate', v.key, v.org)::jsonb -> 'payload', v.payload::jsonb, format('%s, for %s', to_json(v.key), coalesce(v.org, 'nobody')))
FROM (
    VALUES
    ('public', 'a', '{"n":1}'), ('of a', 'a', '{"n":2}'), ('of a', 'b', NULL), ('of a', NULL, NULL), ('of a', '', NULL),
    ('gone', NULL, NULL), ('gone', 'a', NULL), ('moved', 'a', NULL), ('moved', 'b', '{"n":4}'), ('never', 'a', NULL), (NULL, 'a', NULL),
    (E'odd "\\\n😀', NULL, '{"n":5}')
) AS v (key, org, payload);
SELECT is(
    (khala.hydrate('pgtap.hydrate', 'large', NULL)::jsonb - 'payload' - 'payload_hash'),
    '{"topic":"pgtap.hydrate","doc_key":"large","doc_version":"9007199254740992","watermark":7,"hydration_required":false}'::jsonb,
    'whole however large: never a pointer'
);
SELECT is(length(khala.hydrate('pgtap.hydrate', 'large', NULL)::jsonb #>> '{payload,x}'), 1000000, 'all of it');
SELECT cmp_ok(octet_length(khala.hydrate('pgtap.hydrate', 'noughts', NULL)), '<', 8000, 'and not longer than it must be');
SELECT is(
    khala.hydrate('SYNC_TOPIC_PGTAP_HYDRATE', 'public', NULL)::jsonb ->> 'topic', 'SYNC_TOPIC_PGTAP_HYDRATE', 'the topic''s name comes back as it was used'
);
SELECT throws_ok($$SELECT khala.hydrate('pgtap.unknown', 'k', NULL)$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT khala.hydrate(NULL, 'k', NULL)$$, 'KH001', NULL, 'no topic');

SELECT is(khala.hydrate('pgtap.hydrate', 'of a', 'a', khala_internal.make_subset(v.beginnings, v.are_keys)) IS NOT NULL, v.found, v.what)
FROM (
    VALUES
    ('{of}'::text[], FALSE, TRUE, 'in a subset'), ('{of b}', FALSE, FALSE, 'not in it'), ('{of}', TRUE, FALSE, 'nor among its keys'),
    ('{of a}', TRUE, TRUE, 'among them')
) AS v (beginnings, are_keys, found, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
