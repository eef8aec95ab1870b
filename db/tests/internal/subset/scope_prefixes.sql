BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

SELECT is(khala_internal.scope_prefixes(v.scopes, 'shop.orders', 'SYNC_TOPIC_ORDERS'), v.prefixes, v.what)
FROM (
    VALUES
    (NULL::text[], '{""}'::text[], 'null allows all'), ('{}', NULL, 'none allow nothing'),
    ('{shop.orders}', '{""}', 'the topic'), ('{SYNC_TOPIC_ORDERS}', '{""}', 'by its other name'),
    ('{shop.orders/}', NULL, 'an empty prefix allows nothing'), ('{shop.orders/customer/42/}', '{customer/42/}', 'a prefix'),
    ('{SYNC_TOPIC_ORDERS/b,shop.orders/a}', '{a,b}', 'several, by both names'), ('{shop.orders//}', '{/}', 'a prefix that begins with a slash'),
    ('{shop.orders2,shop.order/s,shop}', NULL, 'other topics'), ('{NULL,shop.orders/a}', '{a}', 'null is no scope')
) AS v (scopes, prefixes, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
