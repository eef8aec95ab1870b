BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(32);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.documents', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.documents', 'order/1', 1, '{"status": "open", "total": 5, "customer": {"id": 42}}', 'a');
    PERFORM khala.sink('pgtap.documents', 'order/2', 1, '{"status": "shipped", "total": 50, "tags": ["new", "gift"]}', 'b');
    PERFORM khala.sink('pgtap.documents', 'order/3', 1, '{"status": "open", "total": "much", "paid": true}');
    PERFORM khala.sink('pgtap.documents', 'price/1', 1, '{"at": "2026-03-01T00:30:00+01:00", "day": "2026-03-01"}', 'a');
    PERFORM khala.sink('pgtap.documents', 'order/1', 2, '{"status": "open", "total": 7, "customer": {"id": 42}}', 'a');
    PERFORM khala.sink('pgtap.documents', 'order/0', 1, '{"status": "open"}', 'a');
    PERFORM khala.sink_delete('pgtap.documents', 'order/0', 2);
END
$$;
CREATE FUNCTION pg_temp.keys(VARIADIC p_where text[] DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
SELECT string_agg(d.doc_key, ', ') FROM khala.query_documents('pgtap.documents', p_where => p_where) AS d
$$;

SELECT is(pg_temp.keys(), 'order/1, order/2, order/3, price/1', 'all documents by their keys, without tombstones');
SELECT results_eq(
    $$SELECT doc_key, doc_version, watermark, org_id, payload FROM khala.query_documents('pgtap.documents', 'order/1')$$,
    $$VALUES ('order/1', 2::bigint, 5::bigint, 'a', '{"status": "open", "total": 7, "customer": {"id": 42}}'::jsonb)$$,
    'a document as it is now'
);
SELECT results_eq($$SELECT doc_key FROM khala.query_documents('pgtap.documents', 'order/', p_limit => 2)$$, ARRAY['order/1', 'order/2'], 'a prefix, and a limit');
SELECT results_eq($$SELECT doc_key FROM khala.query_documents('pgtap.documents', p_org_id => 'a')$$, ARRAY['order/1', 'price/1'], 'those of an organisation');
SELECT results_eq($$SELECT doc_key FROM khala.query_documents('pgtap.documents', p_newest => TRUE, p_limit => 3)$$, ARRAY['order/1', 'price/1', 'order/3'], 'the newest first');
SELECT is_empty($$SELECT FROM khala.query_documents('pgtap.documents', '%')$$, 'a prefix is no pattern');

SELECT is(pg_temp.keys(v.condition), v.keys, v.condition)
FROM (
    VALUES
    ('$.status == "open"', 'order/1, order/3'),
    ('$.total > 6', 'order/1, order/2'),
    ('$.total > 6 && $.status == "open"', 'order/1'),
    ('$.customer.id == 42', 'order/1'),
    ('$.tags[*] == "gift"', 'order/2'),
    ('exists($.paid)', 'order/3'),
    ('!(exists($.total))', 'price/1'),
    ('$.status starts with "sh"', 'order/2'),
    ('$.total + 1 == 8', 'order/1'),
    ('$.status like_regex "^O" flag "i"', 'order/1, order/3'),
    ('$.at.datetime() < "2026-03-01".datetime()', 'price/1'),
    ('$.at.datetime() < $.day.datetime()', 'price/1'),
    ('$.at.datetime() < "2026-02-28T23:30:00".datetime()', NULL),
    ('strict $.customer.id == 42', 'order/1'),
    ('$.status == "open'' OR TRUE --"', NULL)
) AS v (condition, keys);
SELECT is(pg_temp.keys('$.status == "open"', '$.total < 10'), 'order/1', 'all conditions have to be true');

SELECT throws_ok(
    format('SELECT khala.query_documents(%L, p_where => %L)', 'pgtap.documents', ARRAY[v.condition]), 'KH007',
    'condition ' || coalesce(quote_literal(v.condition), 'NULL') || ' is no jsonpath predicate', 'refused: ' || coalesce(v.condition, 'NULL')
)
FROM (VALUES ('$.status'), ('$'), ('$ ? (@.total > 6)'), ('status = open'), ('$nothing == 1'), (''), (NULL)) AS v (condition);
SELECT throws_ok($$SELECT khala.query_documents('pgtap.documents', p_limit => 0)$$, 'KH007', 'p_limit is 0', 'a limit of nothing');
SELECT throws_ok($$SELECT khala.query_documents('pgtap.documents', p_limit => NULL)$$, 'KH007', 'p_limit is NULL', 'no limit');
SELECT throws_ok($$SELECT khala.query_documents('pgtap.unknown')$$, 'KH001', NULL, 'an unknown topic');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
