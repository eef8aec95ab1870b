BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries');
END
$$;
INSERT INTO runtime.publisher_set_aside
VALUES ('w', 'runtime.run_summaries', 'a', 1, 1, FALSE, 1, 'no', '2026-01-01Z'), ('w', 'runtime.run_summaries', 'b', 2, 1, TRUE, 3, 'never', '2026-01-02Z');
SELECT results_eq(
    'SELECT l.doc_key, l.deleted, l.attempts, l.reason FROM khala.list_set_aside() AS l',
    $$VALUES ('b', TRUE, 3, 'never'), ('a', FALSE, 1, 'no')$$, 'newest first'
);
SELECT results_eq('SELECT l.doc_key FROM khala.list_set_aside(''w'', 1) AS l', $$VALUES ('b')$$, 'no more than the limit');
SELECT throws_ok($$SELECT khala.list_set_aside('none')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok(format('SELECT khala.list_set_aside(NULL, %s)', n.many), 'KH007', NULL, 'a limit that is none')
FROM (VALUES ('0'), ('NULL')) AS n (many);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
