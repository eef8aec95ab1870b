BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

DO $$
BEGIN
    PERFORM khala.create_api_key('key00001', sha256('a'), 'one', 'ann', 'org-a', ARRAY['runtime.notifications']);
    PERFORM khala.create_api_key('key00002', sha256('b'), 'two', 'bob', 'org-b', ARRAY['runtime.run_summaries'], 'infinity');
END
$$;
PREPARE one AS SELECT a.subject, a.org_id, a.scopes FROM khala.authenticate_api_key('key00001', sha256('a')) AS a;
SELECT results_eq('one', $$VALUES ('ann', 'org-a', ARRAY['runtime.notifications'])$$, 'whom it speaks for');
SELECT ok(k.last_used_at BETWEEN now() AND clock_timestamp(), 'its use is noted') FROM runtime.api_keys AS k WHERE k.key_id = 'key00001';
UPDATE runtime.api_keys SET last_used_at = now() - INTERVAL '59 minutes' WHERE key_id = 'key00001';
SELECT isnt_empty('one', 'soon after');
SELECT ok(k.last_used_at < now(), 'it is not noted again') FROM runtime.api_keys AS k WHERE k.key_id = 'key00001';
SELECT is_empty($$SELECT * FROM khala.authenticate_api_key('key00001', sha256('b'))$$, 'another secret');
SELECT is_empty($$SELECT * FROM khala.authenticate_api_key('key00009', sha256('a'))$$, 'an unknown key');
SELECT is_empty($$SELECT * FROM khala.authenticate_api_key(NULL, NULL)$$, 'nothing');
UPDATE runtime.api_keys SET expires_at = now() WHERE key_id = 'key00002';
SELECT is_empty($$SELECT * FROM khala.authenticate_api_key('key00002', sha256('b'))$$, 'a key past its end');
SELECT lives_ok($$SELECT khala.revoke_api_key('key00001')$$, 'a key is revoked');
SELECT is_empty('one', 'and no longer good');

SELECT khala.create_api_key('key00003', sha256('c'), 'three', NULL, NULL, ARRAY['runtime.notifications'], NULL, 5);
PREPARE three AS SELECT a.subject, a.org_id, a.tokens_per_minute FROM khala.authenticate_api_key('key00003', sha256('c'), 'ann', 'org-c') AS a;
SELECT results_eq('three', $$VALUES ('ann', 'org-c', 5)$$, 'a key without subject and organisation lets the caller name them');
SELECT results_eq(
    $$SELECT a.subject FROM khala.authenticate_api_key('key00003', sha256('c'), p_org_id => 'org-c') AS a$$,
    $$VALUES ('key:key00003')$$,
    'without a subject the tokens are the key''s own'
);
SELECT khala.create_api_key('key00004', sha256('d'), 'four', 'bob', 'org-d', ARRAY['runtime.notifications']);
SELECT results_eq(
    $$SELECT a.subject, a.org_id, a.tokens_per_minute FROM khala.authenticate_api_key('key00004', sha256('d'), 'bob', 'org-d') AS a$$,
    $$VALUES ('bob', 'org-d', 6000)$$,
    'the key''s own subject and organisation may be named'
);
SELECT is_empty($$SELECT * FROM khala.authenticate_api_key('key00004', sha256('x'), 'eve', 'org-x')$$, 'without the secret nothing is said');
SELECT throws_ok(q.query, 'KH007', NULL, q.query)
FROM (
    VALUES
    ($$SELECT khala.authenticate_api_key('key00004', sha256('d'), 'eve')$$),
    ($$SELECT khala.authenticate_api_key('key00004', sha256('d'), p_org_id => 'org-x')$$),
    ($$SELECT khala.authenticate_api_key('key00003', sha256('c'), 'ann')$$),
    ($$SELECT khala.authenticate_api_key('key00003', sha256('c'), '', 'org-c')$$),
    ($$SELECT khala.authenticate_api_key('key00003', sha256('c'), 'ann', repeat('x', 201))$$)
) AS q (query);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
