BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.documents', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.documents', 'public', 3, '{"n": 1}');
    PERFORM khala.sink('pgtap.documents', 'of a', 1, '{"n": 2}', 'a');
    PERFORM khala.sink('pgtap.documents', 'of a', 2, '{"n": 3}', 'a');
    PERFORM khala.sink('pgtap.documents', 'gone', 1, '{"n": 4}', 'a');
    PERFORM khala.sink_delete('pgtap.documents', 'gone', 2);
    PERFORM khala.register_topic('pgtap.owned');
    PERFORM khala.sink_delete('pgtap.owned', 'never', 1);
END
$$;

SELECT results_eq(
    format($q$SELECT doc_key, doc_version, watermark, org_id, deleted, payload FROM khala.get_document('pgtap.documents', %L)$q$, v.key),
    format('VALUES (%L::text, %s::bigint, %s::bigint, %L::text, %L::boolean, %L::jsonb)', v.key, v.version, v.watermark, v.org, v.deleted, v.payload),
    v.key
)
FROM (
    VALUES ('public', 3, 1, NULL, FALSE, '{"n": 1}'), ('of a', 2, 3, 'a', FALSE, '{"n": 3}'), ('gone', 2, 5, 'a', TRUE, NULL)
) AS v (key, version, watermark, org, deleted, payload);
SELECT is(d.org_id, NULL, 'a tombstone that nobody owns has no owner') FROM khala.get_document('pgtap.owned', 'never') AS d;
SELECT is_empty($$SELECT FROM khala.get_document('pgtap.documents', 'never')$$, 'no row for what never was');
SELECT is_empty($$SELECT FROM khala.get_document('pgtap.owned', 'public')$$, 'nor for a document of another topic');
SELECT is_empty($$SELECT FROM khala.get_document('pgtap.documents', NULL)$$, 'nor for no key');
SELECT throws_ok($$SELECT khala.get_document('pgtap.unknown', 'k')$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok($$SELECT khala.get_document(NULL, 'k')$$, 'KH001', NULL, 'no topic');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
