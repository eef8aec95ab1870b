BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

UPDATE runtime.sync_topics SET ownership = 'mixed';
SELECT khala.create_page_link(sha256('code'));
SELECT khala.sign_in_page(sha256('code'), sha256('cookie'));
SELECT is(khala.page_session(sha256('other'))::text, NULL, 'none');
SELECT is(khala.page_session(sha256('cookie')) ->> 'organisation', NULL, 'nothing says which organisation is the first');
SELECT khala.sink('runtime.notifications', 'k', 1, '{}', 'tap-org');
SELECT is(
    khala.page_session(sha256('cookie'))::jsonb - 'ends_at',
    jsonb_build_object('organisations', NULL, 'organisation', 'tap-org', 'scopes', khala_internal.page_scopes(NULL)), 'any organisation'
);
SELECT ok((khala.page_session(sha256('cookie')) ->> 'ends_at')::timestamptz - now() BETWEEN '11 hours' AND '12 hours 1 minute', 'twelve hours');
UPDATE runtime.page_sessions SET org_ids = '{a,b}', first_org_id = 'b';
SELECT is(khala.page_session(sha256('cookie'))::jsonb @> '{"organisations": ["a", "b"], "organisation": "b"}', TRUE, 'organisations');
UPDATE runtime.page_sessions SET expires_at = now();
SELECT is(khala.page_session(sha256('cookie'))::text, NULL, 'ended');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
