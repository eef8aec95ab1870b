BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(12);

-- The rules themselves are tested beside the errors they have, in refuse_document.sql.
SELECT is(
    khala_internal.is_writable('k', 1, v.org_id, v.payload::jsonb, v.deleted, v.owned) IS TRUE, v.writable,
    concat_ws(', ', 'owner ' || v.org_id, v.payload, CASE WHEN v.deleted THEN 'deleted' END, CASE WHEN NOT v.owned THEN 'public topic' END)
)
FROM (
    VALUES
    (NULL, '{}', FALSE, TRUE, TRUE), (NULL, '{}', FALSE, FALSE, TRUE), ('o', '{}', FALSE, TRUE, TRUE),
    ('o', '{}', FALSE, FALSE, FALSE), (NULL, NULL, TRUE, TRUE, TRUE), ('o', NULL, TRUE, TRUE, TRUE),
    ('o', NULL, TRUE, FALSE, FALSE), (NULL, NULL, FALSE, TRUE, FALSE), (NULL, 'null', FALSE, TRUE, FALSE),
    (NULL, '5', FALSE, TRUE, FALSE), (NULL, '{"a": [1]}', FALSE, TRUE, TRUE)
) AS v (org_id, payload, deleted, owned, writable);

-- The table's own limits are not tighter: what is writable can be stored, however little it compresses.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.is_writable'); END $$;
SELECT lives_ok(
    $$SELECT khala.sink(
        'pgtap.is_writable',
        (SELECT string_agg(chr(131072 + (i * 7919) % 40000), '') FROM generate_series(1, 512) AS i), 1, '{}',
        (SELECT string_agg(chr(131072 + (i * 7907) % 40000), '') FROM generate_series(1, 138) AS i))$$,
    '2600 bytes of key and owner'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
