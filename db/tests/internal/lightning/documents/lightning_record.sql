BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is((SELECT khala_internal.lightning_record('{"paywall_id": "a", "created_at_ms": 5, "note": null, "metadata": {"some_key": null}}')), '{"paywallId": "a", "createdAtMs": 5, "metadata": {"some_key": null}}'::jsonb, 'camelCase outside, nothing changed inside, absent left out');
SELECT is((SELECT khala_internal.lightning_record('{}')), '{}'::jsonb, 'an empty row');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
