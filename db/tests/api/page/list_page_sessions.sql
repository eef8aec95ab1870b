BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is_empty('SELECT * FROM khala.list_page_sessions()', 'none at first');
SELECT khala.create_page_link(sha256('one'), '{a}');
SELECT khala.create_page_link(sha256('two'), p_person => 'ann');
SELECT khala.sign_in_page(sha256('two'), sha256('cookie'));
SELECT results_eq(
    'SELECT l.person COLLATE "C", l.org_ids, l.created_by = session_user, l.signed_in_at IS NULL FROM khala.list_page_sessions() AS l',
    $$VALUES (session_user::text COLLATE "C", '{a}'::text[], TRUE, TRUE), ('ann', NULL, TRUE, FALSE)$$, 'links and sessions, oldest first'
);
UPDATE runtime.page_sessions SET expires_at = now();
SELECT is_empty('SELECT * FROM khala.list_page_sessions()', 'not those that ended');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
