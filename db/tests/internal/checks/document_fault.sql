BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(16);

-- What can be written; what cannot is in refuse_document.sql, beside the words for it.
SELECT is(
    khala_internal.document_fault(v.doc_key, v.doc_version, v.org_id, v.payload::jsonb, v.deleted, v.ownership, v.bytes, v.payload_mode, 10), NULL, v.what
)
FROM (
    VALUES
    ('k', 0::bigint, NULL, '{}', FALSE, 'mixed', 2, 'inline', 'version 0'),
    ('k', NULL, NULL, '{}', FALSE, 'mixed', 2, 'auto', 'no version: the next one'),
    ('k', 9223372036854775807, NULL, '{}', FALSE, 'public', 2, 'auto', 'the largest version'),
    (repeat('😀', 512), 1, NULL, '{}', FALSE, 'mixed', 2, 'auto', 'the longest key'),
    (repeat('k', 512), 1, repeat('😀', 200), '{}', FALSE, 'owned', 2, 'auto', 'the longest owner'),
    (repeat('😀', 512), 1, repeat('o', 200), '{}', FALSE, 'owned', 2, 'auto', 'the longest key with a long owner'),
    ('runtime/codex_worker_summaries:' || repeat('😀', 400), 1, repeat('😀', 200), '{}', FALSE, 'owned', 2, 'auto', 'the longest id and owner of an entity'),
    (repeat('😀', 512), 1, repeat('😀', 100) || 'oo', '{}', FALSE, 'owned', 2, 'auto', '2450 bytes'),
    ('k', 1, 'o', '{"a": [1]}', FALSE, 'mixed', 10, 'inline', 'an owner in a mixed topic; as many bytes as may be'),
    ('k', 1, 'o', '{}', FALSE, 'mixed', 11, 'auto', 'more, where it need not be carried'),
    ('k', 1, NULL, '{}', FALSE, 'public', 11, 'pointer', 'no owner in a public one'),
    ('k', 1, NULL, NULL, TRUE, 'owned', 0, 'inline', 'a tombstone keeps the owner'),
    ('k', 1, 'o', NULL, TRUE, 'owned', 0, 'auto', 'whatever it names'),
    ('k', 1, NULL, NULL, TRUE, 'public', NULL, 'inline', 'or none, where all is public'),
    ('k', 1, NULL, NULL, TRUE, 'mixed', NULL, 'pointer', 'or may be')
) AS v (doc_key, doc_version, org_id, payload, deleted, ownership, bytes, payload_mode, what);

-- The table's own limits are not tighter: what has no fault can be stored, however little it compresses.
DO $$ BEGIN PERFORM khala.register_topic(repeat('t', 200), 'sync_pgtap_fault', p_ownership => 'owned'); END $$;
SELECT lives_ok(
    $$SELECT khala.sink(
        repeat('t', 200),
        (SELECT string_agg(chr(131072 + (i * 7919) % 40000), '') FROM generate_series(1, 512) AS i), 1, '{}',
        (SELECT string_agg(chr(131072 + (i * 7907) % 40000), '') FROM generate_series(1, 100) AS i) || 'oo')$$,
    '2450 bytes of key and owner, in the topic with the longest name'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
