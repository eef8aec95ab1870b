BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT khala.create_page_link(sha256('code'));
SELECT khala.sign_in_page(sha256('code'), sha256('cookie'));
SELECT is(khala.sign_out_page(sha256('other')), FALSE, 'no session');
SELECT is(khala.sign_out_page(sha256('cookie')), TRUE, 'a session');
SELECT is(khala.page_session(sha256('cookie'))::text, NULL, 'it has ended');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
