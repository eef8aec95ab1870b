BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(1);

SELECT khala_internal.lightning_store_response('ann', 'old', '1', '{}');
UPDATE lightning.idempotency_keys SET created_at = now() - '25 hours'::interval;
SELECT khala_internal.lightning_store_response('ann', 'k', '1', '{}'), khala_internal.lightning_store_response('ann', NULL, '1', '{}');
SELECT is((SELECT array_agg(k.idempotency_key) FROM lightning.idempotency_keys AS k), ARRAY['k'], 'a new one is kept and an old one is forgotten');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
