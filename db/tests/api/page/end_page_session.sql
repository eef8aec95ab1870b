BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

CREATE TEMP TABLE made AS SELECT m.session_id, m.expires_at FROM khala.create_page_link(sha256('code')) AS m;
SELECT is(khala.end_page_session('unknown'), 0, 'none of that id');
SELECT is(khala.end_page_session(m.session_id), 1, 'a link') FROM made AS m;
SELECT is(khala.sign_in_page(sha256('code'), sha256('cookie'))::text, NULL, 'it is of no use any more');
SELECT khala.create_page_link(sha256('one'));
SELECT khala.create_page_link(sha256('two'));
SELECT is(khala.end_page_session(), 2, 'all');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
