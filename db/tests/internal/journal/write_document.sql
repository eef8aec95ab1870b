BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

-- Its rules are tested through khala.sink and khala.sink_delete; here, what they rely on.
DO $$ BEGIN PERFORM khala.register_topic('pgtap.write'); END $$;
SELECT results_eq(
    format('SELECT w.watermark, w.outcome FROM khala_internal.write_document(%L, %L, %s, %L, %L, %L) AS w', 'pgtap.write', 'k', v.version, v.org, v.payload, v.deleted),
    format('VALUES (%L::bigint, %L)', v.watermark, v.outcome), v.what
)
FROM (
    VALUES
    (1, 'a', '{}', FALSE, 1, 'applied', 'writes'),
    (1, 'a', '{}', FALSE, NULL, 'duplicate', 'or not'),
    (2, 'b', NULL, TRUE, 2, 'applied', 'deletes'),
    (1, 'a', '{}', FALSE, NULL, 'stale_version', 'or not')
) AS v (version, org, payload, deleted, watermark, outcome, what);
SELECT is(
    (SELECT d.payload FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.write'), NULL, 'a payload given with a tombstone is not kept'
);
SELECT results_eq(
    $$SELECT w.outcome FROM khala_internal.write_document('pgtap.write', 'k', 3, NULL, '{"x":1}', TRUE) AS w$$, ARRAY['applied'],
    'a tombstone above a tombstone, with a payload'
);
SELECT is(
    (SELECT d.payload FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.write'), NULL, 'that is not kept either'
);
SELECT throws_ok(
    $$SELECT khala_internal.write_document('pgtap.write', 'k', 4, NULL, NULL, FALSE)$$, 'KH005', NULL, 'a document needs a payload'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
