BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

INSERT INTO runtime.relay_reports (relay, version, started_at, reported_at, stopped_at, connections, subscribers, behind, sent_bytes)
SELECT v.relay, '1', now(), now() - v.age, v.stopped_at, 0, '{}', 0, 0
FROM (
    VALUES ('live', '29 seconds'::interval, NULL::timestamptz), ('killed', '31 seconds', NULL), ('stopped', '0 seconds', now())
) AS v (relay, age, stopped_at);
SELECT results_eq('SELECT l.relay FROM khala_internal.live_relays() AS l', ARRAY['live'], 'those that reported lately and did not stop');
DELETE FROM runtime.relay_reports;
SELECT is_empty('SELECT * FROM khala_internal.live_relays()', 'none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
