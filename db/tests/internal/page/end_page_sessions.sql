BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT khala.create_page_link(sha256('one'));
SELECT khala.create_page_link(sha256('two'));
SELECT khala.sign_in_page(sha256('one'), sha256('cookie'));
CREATE TEMP TABLE ids AS SELECT 'page:' || s.session_id AS subject FROM runtime.page_sessions AS s WHERE s.cookie_hash IS NOT NULL;
SELECT is(khala_internal.end_page_sessions(array_agg(s.session_id)), 2, 'a session and a link') FROM runtime.page_sessions AS s;
SELECT results_eq(
    'SELECT r.kind, r.value FROM runtime.sync_revocations AS r', 'SELECT ''sub'', i.subject FROM ids AS i', 'tokens of the session are revoked'
);
SELECT is(khala_internal.end_page_sessions('{unknown}'), 0, 'none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
