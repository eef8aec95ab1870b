BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is_empty('SELECT * FROM khala.list_api_keys()', 'none at first');
DO $$
BEGIN
    PERFORM khala.create_api_key('key00001', sha256('a'), 'one', 's', 'o', ARRAY['runtime.notifications']);
    PERFORM khala.create_api_key('key00002', sha256('b'), 'two', 's', 'o', ARRAY['runtime.notifications'], 'infinity');
    PERFORM khala.revoke_api_key('key00001');
END
$$;
SELECT results_eq(
    'SELECT k.key_id, k.label, k.scopes, k.expires_at, k.revoked_at IS NULL FROM khala.list_api_keys() AS k',
    $$VALUES ('key00001', 'one', ARRAY['runtime.notifications'], NULL::timestamptz, FALSE),
             ('key00002', 'two', ARRAY['runtime.notifications'], 'infinity', TRUE)$$, 'all of them, oldest first'
);
SELECT ok(strpos(string_agg(k::text, ''), encode(sha256('a'), 'hex')) = 0, 'without hashes') FROM khala.list_api_keys() AS k;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
