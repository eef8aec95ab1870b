BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT khala.create_page_link(sha256('code'), p_person => 'ann');
SELECT khala.sign_in_page(sha256('code'), sha256('cookie'));
SELECT is_empty('SELECT * FROM khala.page_identity(sha256(''other''), ''a'')', 'no session');
SELECT results_eq(
    'SELECT i.* FROM khala.page_identity(sha256(''cookie''), ''a'') AS i',
    'SELECT ''ann'', ''a'', khala_internal.page_scopes(NULL), ''page:'' || s.session_id FROM runtime.page_sessions AS s', 'an organisation'
);
SELECT results_eq(
    'SELECT i.org_id, i.scopes FROM khala.page_identity(sha256(''cookie''), NULL) AS i',
    $$VALUES ('*', '{khala.admin,khala.admin.all}'::text[])$$, 'reads alone'
);
SELECT throws_ok('SELECT * FROM khala.page_identity(sha256(''cookie''), '''')', 'KH007', NULL, 'no organisation');
UPDATE runtime.page_sessions SET org_ids = '{a}';
SELECT results_eq('SELECT i.org_id, i.scopes FROM khala.page_identity(sha256(''cookie''), ''a'') AS i',
    'SELECT ''a'', khala_internal.page_scopes(''{a}'')', 'one of its organisations');
SELECT throws_ok('SELECT * FROM khala.page_identity(sha256(''cookie''), ' || v.org || ')', 'KH025', NULL, v.org)
FROM (VALUES ('''b'''), ('NULL')) AS v (org);
UPDATE runtime.page_sessions SET expires_at = now();
SELECT is_empty('SELECT * FROM khala.page_identity(sha256(''cookie''), ''a'')', 'ended');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
