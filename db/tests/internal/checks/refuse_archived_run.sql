BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

INSERT INTO runtime.archived_runs (id, latest_seq, unnumbered_count, created_at, summary) VALUES ('tap', 1, 0, now(), '{}');
SELECT throws_ok($$INSERT INTO runtime.entities (kind, id, latest_seq) VALUES ('run', 'tap', 0)$$, 'KH009', NULL, 'a run of this id');
SELECT lives_ok($$INSERT INTO runtime.entities (kind, id, latest_seq) VALUES ('run', 'tap-2', 0)$$, 'another one');
SELECT lives_ok($$INSERT INTO runtime.entities (kind, id, latest_seq) VALUES ('codex_worker', 'tap', 0)$$, 'a worker');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
