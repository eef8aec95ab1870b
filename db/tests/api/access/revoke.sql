BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);

SELECT throws_ok(q.query, 'KH007', NULL, q.query)
FROM (
    VALUES
    ($$SELECT khala.revoke('iss', 'x')$$), ($$SELECT khala.revoke(NULL, 'x')$$), ($$SELECT khala.revoke('sub', '')$$),
    ($$SELECT khala.revoke('sub', NULL)$$), ($$SELECT khala.revoke('sub', repeat('x', 1025))$$)
) AS q (query);

SET LOCAL synchronous_commit = off;
CREATE TEMP TABLE made AS
SELECT khala.revoke('sub', 'ann', p_reason => 'left') AS number;
SELECT is(current_setting('synchronous_commit'), 'on', 'a crash must not take a revocation back');
SELECT results_eq(
    $$SELECT r.kind, r.value, r.reason, r.revoked_by = session_user FROM runtime.sync_revocations AS r$$,
    $$VALUES ('sub', 'ann', 'left', TRUE)$$, 'it is recorded with reason and author'
);
SELECT ok(r.issued_until BETWEEN now() AND clock_timestamp(), 'tokens issued until now are meant') FROM runtime.sync_revocations AS r;
SELECT ok(r.forget_at > r.issued_until + INTERVAL '32 days', 'for as long as one can live') FROM runtime.sync_revocations AS r;

SELECT cmp_ok(khala.revoke('sub', 'ann', 'infinity'), '>', m.number, 'revoking again takes a new number') FROM made AS m;
SELECT is((SELECT array_agg(r.value) FROM runtime.sync_revocations AS r), ARRAY['ann'], 'and replaces the first');
SELECT is((SELECT r.issued_until FROM runtime.sync_revocations AS r), 'infinity', 'for ever');
SELECT is((SELECT r.forget_at FROM runtime.sync_revocations AS r), 'infinity', 'is never forgotten');
SELECT lives_ok($$SELECT khala.revoke('sub', 'ann', '-infinity')$$, 'a revocation can be taken back');
SELECT is((SELECT r.issued_until FROM runtime.sync_revocations AS r), '-infinity', 'then it means no token');

UPDATE runtime.sync_revocations SET forget_at = now() - INTERVAL '1 second';
SELECT lives_ok($$SELECT khala.revoke('org', 'o')$$, 'what can be forgotten is forgotten');
SELECT is((SELECT array_agg(r.kind) FROM runtime.sync_revocations AS r), ARRAY['org'], 'at the next revocation');

-- A relay reads the numbers above the last one it knows.
UPDATE runtime.sync_revocations SET revocation_number = 100;
SELECT is(khala.revoke('org', 'o'), 101::BIGINT, 'the number follows the one that is replaced');
UPDATE runtime.sync_revocations SET forget_at = now() - INTERVAL '1 second';
SELECT is(khala.revoke('sub', 'bob'), 102::BIGINT, 'and one that is forgotten');
INSERT INTO runtime.sync_revocations (kind, value, revocation_number, issued_until, forget_at)
VALUES ('sub', 'copied', 1000, 'infinity', 'infinity');
SELECT is(khala.revoke('sub', 'ann'), 1001::BIGINT, 'and those that came as rows, with a logical copy');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
