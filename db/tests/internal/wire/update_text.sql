BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

CREATE TEMP TABLE hash AS
SELECT khala.payload_hash('{"n":1}') AS sha;

SELECT is(
    khala_internal.update_text('a.topic', 'k', 3, 7, h.sha, FALSE, '{"n":1}'),
    '{"topic":"a.topic","doc_key":"k","doc_version":3,"watermark":7,"payload_hash":"K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=","hydration_required":false,"payload":{"n":1}}',
    'a document'
) FROM hash AS h;
SELECT is(
    khala_internal.update_text('a.topic', 'k', 3, 7, h.sha, FALSE, NULL),
    '{"topic":"a.topic","doc_key":"k","doc_version":3,"watermark":7,"payload_hash":"K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=","hydration_required":true}',
    'a pointer'
) FROM hash AS h;
SELECT is(
    khala_internal.update_text('a.topic', 'k', 3, 7, NULL, TRUE, NULL),
    '{"topic":"a.topic","doc_key":"k","doc_version":3,"watermark":7,"payload_hash":"","hydration_required":false,"deleted":true}',
    'a tombstone'
);
SELECT is(
    khala_internal.update_text('a.topic', 'k', 3, 7, h.sha, TRUE, '{"n":1}'), khala_internal.update_text('a.topic', 'k', 3, 7, NULL, TRUE, NULL),
    'a tombstone shows nothing of the document that leaves'
) FROM hash AS h;
SELECT is(
    khala_internal.update_text('a.topic', 'k', 9007199254740992, 9223372036854775807, h.sha, FALSE, NULL)::jsonb
    - 'payload_hash',
    '{"topic":"a.topic","doc_key":"k","doc_version":"9007199254740992","watermark":"9223372036854775807","hydration_required":true}'::jsonb,
    'large numbers are strings'
) FROM hash AS h;
SELECT is(
    khala_internal.update_text('a.topic', v.key, 1, 1, h.sha, FALSE, '{}')::jsonb ->> 'doc_key', v.key, 'any key is told as it is: ' || to_json(v.key)
)
FROM hash AS h, (VALUES (E'a"b\\c\n\t\b\x01'), ('</script>é😀'), (repeat('"', 512))) AS v (key);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
