BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(30);

DO $$
BEGIN
    PERFORM khala.set_publisher('w', 'webhook', 'http://x'), khala.set_publisher('c', 'convex', 'http://y');
    PERFORM khala.set_publisher_topic('w', 'runtime.run_summaries'), khala.set_publisher_topic('c', 'runtime.run_summaries');
    PERFORM khala.sink('runtime.run_summaries', 'a', 1, '{}', 'acme'), khala.sink('runtime.run_summaries', 'b', 1, '{}', 'acme');
    PERFORM khala.publisher_next('w'), khala.publisher_next('c');
    PERFORM khala.sink('runtime.run_summaries', 'a', 2, '{}', 'acme'), khala.sink('runtime.run_summaries', 'b', 2, '{}', 'acme');
    PERFORM khala.publisher_next('w'), khala.publisher_next('c');
END
$$;
CREATE FUNCTION pg_temp.result(k text, w bigint, o text, s numeric DEFAULT 0) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_array(jsonb_build_object(
    'topic', 'runtime.run_summaries', 'doc_key', k, 'watermark', w, 'outcome', o, 'error', 'because', 'retry_s', s
))
$$;
CREATE FUNCTION pg_temp.queued(p text) RETURNS TABLE (doc_key text, doc_version bigint, state text, attempts integer) LANGUAGE sql AS $$
SELECT u.doc_key, u.doc_version, u.state, u.attempts FROM runtime.publisher_updates AS u WHERE u.publisher = p ORDER BY u.doc_key, u.watermark
$$;

SELECT results_eq($$SELECT * FROM khala.publisher_report('w', '[]')$$, 'VALUES (0, 0, 0)', 'nothing');
SELECT results_eq(
    $$SELECT * FROM khala.publisher_report('w', pg_temp.result('a', 3, 'delivered'))$$, 'VALUES (0, 0, 0)', 'what is not claimed is ignored'
);
SELECT results_eq($$SELECT * FROM khala.publisher_report('w', pg_temp.result('a', 1, 'delivered'))$$, 'VALUES (1, 0, 0)', 'delivered');
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('w')$$,
    $$VALUES ('a', 2::bigint, 'ready', 0), ('b', 1, 'claimed', 0), ('b', 2, 'held', 0)$$, 'it has left, and the next version is due'
);
SELECT results_eq(
    $$SELECT * FROM khala.publisher_report('w', pg_temp.result('b', 2 , 'failed', 1000))$$, 'VALUES (0, 1, 0)', 'failed'
);
SELECT results_eq(
    $$SELECT * FROM pg_temp.queued('w')$$,
    $$VALUES ('a', 2::bigint, 'ready', 0), ('b', 1, 'ready', 1), ('b', 2, 'held', 0)$$, 'it is due again, and holds what is behind it'
);
SELECT ok(
    u.due_at > clock_timestamp() + '900 seconds' AND u.error = 'because', 'later, for a reason'
) FROM runtime.publisher_updates AS u WHERE u.publisher = 'w' AND u.watermark = 2;
UPDATE runtime.publisher_updates SET due_at = now() WHERE publisher = 'w';
DO $$ BEGIN PERFORM khala.publisher_next('w'); END $$;
SELECT results_eq($$SELECT * FROM khala.publisher_report('w', pg_temp.result('b', 2, 'refused'))$$, 'VALUES (0, 0, 1)', 'refused');
SELECT results_eq(
    'SELECT a.doc_key, a.doc_version, a.attempts, a.reason FROM khala.list_set_aside() AS a',
    $$VALUES ('b', 1::bigint, 2, 'because')$$, 'it is set aside, with the number of tries'
);
SELECT results_eq(
    $$SELECT q.doc_version, q.state FROM pg_temp.queued('w') AS q WHERE q.doc_key = 'b'$$, $$VALUES (2::bigint, 'ready')$$, 'later versions go on'
);
SELECT results_eq(
    'SELECT t.delivered, t.failed, t.refused FROM runtime.publisher_topics AS t WHERE t.publisher = ''w''',
    'VALUES (1::bigint, 1::bigint, 1::bigint)', 'all are counted'
);
SELECT results_eq(
    'SELECT p.failures, p.last_error, p.last_delivery_at IS NOT NULL FROM runtime.publishers AS p WHERE p.publisher = ''w''',
    $$VALUES (0::bigint, 'because', TRUE)$$, 'a refusal shows that the system responds'
);

DO $$ BEGIN PERFORM khala.publisher_report('c', pg_temp.result('a', 1, 'failed')); END $$;
SELECT results_eq(
    $$SELECT q.doc_key, q.state FROM pg_temp.queued('c') AS q$$, $$VALUES ('a', 'ready'), ('b', 'claimed'), ('b', 'held')$$,
    'of kind convex one that failed stands for later versions'
);
SELECT is((SELECT p.failures FROM runtime.publishers AS p WHERE p.publisher = 'c'), 1::bigint, 'the first failure of a document counts');
DO $$
BEGIN
    PERFORM khala.publisher_next('c');
    PERFORM khala.publisher_report('c', pg_temp.result('a', 3, 'failed'));
END
$$;
SELECT is((SELECT p.failures FROM runtime.publishers AS p WHERE p.publisher = 'c'), 1::bigint, 'and no other');
DO $$
BEGIN
    PERFORM khala.publisher_next('c');
    PERFORM khala.publisher_report('c', pg_temp.result('a', 3, 'failed') || pg_temp.result('b', 1, 'failed'));
END
$$;
SELECT results_eq(
    $$SELECT q.doc_key, q.doc_version, q.state FROM pg_temp.queued('c') AS q$$,
    $$VALUES ('a', 2::bigint, 'ready'), ('b', 1, 'claimed'), ('b', 2, 'held')$$,
    'one without a claim takes nothing away from behind another claim'
);
DO $$
BEGIN
    PERFORM khala.publisher_next('c');
    PERFORM khala.publisher_report('c', pg_temp.result('a', 3, 'failed')
        || pg_temp.result('b', 2, 'delivered') || pg_temp.result('b', 2, 'failed') || pg_temp.result('b', 2, 'delivered'));
END
$$;
SELECT ok(
    EXISTS (SELECT FROM pg_temp.queued('c') AS q WHERE q.doc_key = 'b' AND q.state = 'ready'),
    'several results of one claim, whichever counts: the later version is due'
);
DO $$ BEGIN PERFORM khala.publisher_next('c'); END $$;
DO $$
BEGIN
    UPDATE runtime.publisher_updates SET attempts = 0 WHERE publisher = 'c';
    UPDATE runtime.publishers SET failures = 7 WHERE publisher = 'c';
    PERFORM khala.publisher_report('c', pg_temp.result('b', 4, 'failed', 100));
END
$$;
SELECT ok(
    p.is_down AND p.not_before > clock_timestamp() + '90 seconds', 'the eighth: it is taken to be down'
) FROM runtime.publishers AS p WHERE p.publisher = 'c';

SELECT throws_ok($$SELECT khala.publisher_report('none', '[]')$$, 'KH007', NULL, 'no such publisher');
SELECT throws_ok(format('SELECT khala.publisher_report(''w'', %L)', r.results), 'KH007', NULL, 'results that are none: ' || r.results)
FROM (VALUES
    ('{}'),
    ('[1]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": 1, "outcome": "lost"}]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": 1, "outcome": "failed", "error": "e"}]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": "1", "outcome": "delivered"}]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": -1, "outcome": "delivered"}]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": 1.5, "outcome": "delivered"}]'),
    ('[{"topic": "a", "doc_key": "b", "watermark": 1e30, "outcome": "delivered"}]')
) AS r (results);
SELECT throws_ok(
    $$SELECT khala.publisher_report('w', jsonb_agg(pg_temp.result('a', 1, 'delivered') -> 0)) FROM generate_series(1, 10001)$$,
    'KH007', NULL, 'too many results'
);
SELECT lives_ok(
    format($$SELECT khala.publisher_report('w', pg_temp.result('a', 1, 'failed', %s))$$, s.seconds), 'any number of seconds: ' || left(s.seconds, 6)
)
FROM (VALUES ('1e400'), ('1e-400')) AS s (seconds);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
