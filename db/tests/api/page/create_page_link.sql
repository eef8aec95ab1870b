BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

CREATE TEMP TABLE made AS SELECT m.session_id, m.person, m.expires_at FROM khala.create_page_link(sha256('code'), '{a,b}', 'b') AS m;
SELECT results_eq(
    'SELECT s.session_id, s.code_hash, s.person, s.org_ids, s.first_org_id, s.valid_for, s.created_by = session_user, s.signed_in_at FROM runtime.page_sessions AS s',
    $$SELECT m.session_id, sha256('code'), m.person, '{a,b}'::text[], 'b', '12 hours'::interval, TRUE, NULL::timestamptz FROM made AS m$$, 'it is stored'
);
SELECT is(m.person, session_user::text, 'for the login') FROM made AS m;
SELECT ok(m.expires_at - clock_timestamp() BETWEEN '9 minutes' AND '10 minutes', 'for ten minutes') FROM made AS m;
SELECT throws_ok('SELECT khala.create_page_link(' || v.arguments || ')', 'KH007', NULL, v.arguments)
FROM (
    VALUES ('sha256(''code'')'), ('''short'''), ('NULL'), ('sha256(''x''), ''{}'''), ('sha256(''x''), ''{NULL}'''),
    ('sha256(''x''), array_fill(''o''::text, ''{101}'')'), ('sha256(''x''), ARRAY['''']'), ('sha256(''x''), ''{a}'', ''b'''),
    ('sha256(''x''), NULL, '''''), ('sha256(''x''), NULL, NULL, ''59 seconds'''), ('sha256(''x''), NULL, NULL, NULL'),
    ('sha256(''x''), p_person => '''''), ('sha256(''x''), p_person => repeat(''x'', 401)')
) AS v (arguments);
SELECT khala.create_page_link(sha256('ann'), p_person => 'ann');
SELECT is(s.person, 'ann', 'a person') FROM runtime.page_sessions AS s WHERE s.code_hash = sha256('ann');
UPDATE runtime.page_sessions SET expires_at = now();
SELECT khala.create_page_link(sha256('next'));
SELECT is(count(*), 1::bigint, 'what has ended is deleted') FROM runtime.page_sessions;
SELECT khala.create_page_link(sha256(n::text::bytea)) FROM generate_series(2, 1000) AS n;
SELECT throws_ok('SELECT khala.create_page_link(sha256(''one more''))', 'KH007', 'there are 1000 links and sessions of the admin page', 'one more');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
