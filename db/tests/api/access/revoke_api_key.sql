BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT lives_ok(
    $$SELECT khala.create_api_key('key00001', sha256('secret'), 'l', 's', 'o', ARRAY['runtime.notifications'])$$, 'a key'
);
SELECT is(khala.revoke_api_key('key00009'), FALSE, 'there is no such key');
SELECT is(khala.revoke_api_key('key00001'), TRUE, 'there is this one');
CREATE TEMP TABLE first AS
SELECT k.revoked_at AS at FROM runtime.api_keys AS k;
SELECT is(khala.revoke_api_key('key00001'), TRUE, 'once more');
SELECT is(k.revoked_at, f.at, 'changes nothing') FROM runtime.api_keys AS k, first AS f;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
