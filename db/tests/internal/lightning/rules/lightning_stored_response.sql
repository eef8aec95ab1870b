BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT is((SELECT khala_internal.lightning_stored_response('ann', 'k', '1')), NULL::jsonb, 'nothing is stored');
SELECT khala_internal.lightning_store_response('ann', 'k', '1', '{"ok": true}');
SELECT is((SELECT khala_internal.lightning_stored_response('ann', 'k', '1')), '{"ok": true}'::jsonb, 'the same request has the same response');
SELECT is((SELECT khala_internal.lightning_stored_response('bob', 'k', '1')), NULL::jsonb, 'keys belong to owners');
SELECT is((SELECT khala_internal.lightning_stored_response('ann', NULL, '1')), NULL::jsonb, 'without a key nothing is looked up');
SELECT throws_ok($$SELECT khala_internal.lightning_stored_response('ann', 'k', '2')$$, 'KH021', NULL, 'another request with this key is refused');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_stored_response('ann', '', '2')$$, 'invalid_Idempotency-Key'),
    ($$SELECT khala_internal.lightning_stored_response('ann', repeat('x', 256), '2')$$, 'invalid_Idempotency-Key')
) AS q (query, message);
UPDATE lightning.idempotency_keys SET created_at = now() - '25 hours'::interval;
SELECT is((SELECT khala_internal.lightning_stored_response('ann', 'k', '2')), NULL::jsonb, 'after a day it is forgotten');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
