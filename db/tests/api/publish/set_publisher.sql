BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

SELECT results_eq(
    $$SELECT * FROM khala.set_publisher('convex', 'convex', 'https://x.example')$$,
    $$VALUES ('convex', 'convex', 'https://x.example', FALSE)$$, 'a new one'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_publisher('convex', p_paused => TRUE)$$,
    $$VALUES ('convex', 'convex', 'https://x.example', TRUE)$$, 'what is not given stays'
);
SELECT results_eq(
    $$SELECT * FROM khala.set_publisher('convex', 'convex', 'http://127.0.0.1:3210/a?b=c')$$,
    $$VALUES ('convex', 'convex', 'http://127.0.0.1:3210/a?b=c', TRUE)$$, 'another address'
);
UPDATE runtime.publishers SET failures = 9, not_before = 'infinity';
DO $$ BEGIN PERFORM khala.set_publisher('convex', p_paused => FALSE); END $$;
SELECT results_eq(
    'SELECT p.failures, p.not_before FROM runtime.publishers AS p', 'VALUES (0::bigint, NULL::timestamptz)', 'a change has it tried at once'
);
SELECT throws_ok($$SELECT khala.set_publisher('convex', 'webhook')$$, 'KH008', NULL, 'another kind');
SELECT throws_ok($$SELECT khala.set_publisher('new', 'webhook')$$, 'KH007', NULL, 'a new one without an address');
SELECT throws_ok($$SELECT khala.set_publisher('new', p_url => 'http://x')$$, 'KH007', NULL, 'a new one without a kind');
SELECT throws_ok($$SELECT khala.set_publisher('new', 'kafka', 'http://x')$$, 'KH007', NULL, 'a kind that is none');
SELECT throws_ok(format($$SELECT khala.set_publisher(%L, 'webhook', 'http://x')$$, n.name), 'KH007', NULL, 'a name that is none')
FROM (VALUES (NULL), (''), ('A'), (repeat('a', 65))) AS n (name);
SELECT throws_ok(format($$SELECT khala.set_publisher('new', 'webhook', %L)$$, u.url), 'KH007', NULL, 'an address that is none: ' || u.url)
FROM (VALUES ('ftp://x'), ('https://user:word@x'), ('https://x y')) AS u (url);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
