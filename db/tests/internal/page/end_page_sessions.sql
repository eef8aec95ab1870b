BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT khala.create_page_link(sha256('one'));
SELECT khala.create_page_link(sha256('two'));
SELECT khala.sign_in_page(sha256('one'), sha256('cookie'));
CREATE TEMP TABLE ids AS SELECT i.token_id FROM khala.page_identity(sha256('cookie'), 'a') AS i;
SELECT is(khala_internal.end_page_sessions(array_agg(s.session_id)), 2, 'a session and a link') FROM runtime.page_sessions AS s;
SELECT results_eq(
    'SELECT r.kind, r.value FROM runtime.sync_revocations AS r', 'SELECT ''jti'', i.token_id FROM ids AS i', 'tokens of the session are revoked'
);
SELECT ok(r.issued_until > clock_timestamp() + INTERVAL '59 minutes', 'also one that is signed at this moment') FROM runtime.sync_revocations AS r;
SELECT is(khala_internal.end_page_sessions('{unknown}'), 0, 'none');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
