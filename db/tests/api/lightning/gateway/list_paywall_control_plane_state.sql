BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT lightning.create_paywall('ann', jsonb_build_object('paywallId', 'pw' || n, 'name', 'x', 'policy', '{"fixedAmountMsats": 1}'::jsonb)) FROM generate_series(1, 3) AS n;
UPDATE lightning.paywalls SET created_at_ms = 4 - right(paywall_id, 1)::integer;
SELECT lightning.set_paywall_status('ann', 'pw2', 'paused'), lightning.set_paywall_status('ann', 'pw3', 'archived');
SELECT is((SELECT jsonb_path_query_array(lightning.list_paywall_control_plane_state('{}')::jsonb, '$.paywalls[*].paywallId')), '["pw2", "pw1"]'::jsonb, 'active and paused by creation');
SELECT is((SELECT jsonb_path_query_array(lightning.list_paywall_control_plane_state('{"statuses": null}')::jsonb, '$.paywalls[*].paywallId')), '["pw2", "pw1"]'::jsonb, 'null is absent');
SELECT is((SELECT jsonb_path_query_array(lightning.list_paywall_control_plane_state('{"statuses": []}')::jsonb, '$.paywalls[*].paywallId')), '["pw3", "pw2", "pw1"]'::jsonb, 'empty means all');
SELECT is((SELECT jsonb_path_query_array(lightning.list_paywall_control_plane_state('{"statuses": ["archived"]}')::jsonb, '$.paywalls[*].paywallId')), '["pw3"]'::jsonb, 'those asked for');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT lightning.list_paywall_control_plane_state('{"statuses": ["lost"]}')$$, 'invalid_statuses')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
