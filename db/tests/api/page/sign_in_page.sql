BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT khala.create_page_link(sha256('code'), '{a}');
SELECT is(khala.sign_in_page(sha256('wrong'), sha256('cookie'))::text, NULL, 'an unknown code');
SELECT is(khala.sign_in_page(NULL, sha256('cookie'))::text, NULL, 'no code');
SELECT is(khala.sign_in_page(sha256('code'), sha256('cookie')) ->> 'organisation', 'a', 'a code');
SELECT is(khala.sign_in_page(sha256('code'), sha256('cookie'))::text, NULL, 'twice');
SELECT throws_ok('SELECT khala.sign_in_page(sha256(''code''), ''short'')', 'KH007', NULL, 'no cookie');
SELECT khala.create_page_link(sha256('another'), '{a}');
SELECT throws_ok('SELECT khala.sign_in_page(sha256(''another''), sha256(''cookie''))', 'KH007', NULL, 'the cookie of another session');
UPDATE runtime.page_sessions SET expires_at = now() WHERE code_hash IS NOT NULL;
SELECT is(khala.sign_in_page(sha256('another'), sha256('other'))::text, NULL, 'an expired code');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
