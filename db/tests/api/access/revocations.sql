BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT is_empty('SELECT * FROM khala.revocations()', 'none at first');
CREATE TEMP TABLE made AS
SELECT khala.revoke('sub', 'ann', '2026-01-01 00:00:00+00') AS number;
SELECT results_eq(
    'SELECT r.number, r.kind, r.value, r.issued_until FROM khala.revocations() AS r',
    $$SELECT m.number, 'sub', 'ann', 1767225600::double precision FROM made AS m$$, 'a revocation in seconds since 1970'
);
SELECT lives_ok($$SELECT khala.revoke('org', 'o', 'infinity')$$, 'another one');
SELECT results_eq(
    format('SELECT r.kind, r.issued_until FROM khala.revocations(%s) AS r', m.number),
    $$VALUES ('org', 'infinity'::double precision)$$, 'only what is new'
) FROM made AS m;
SELECT is(
    (SELECT count(*) FROM khala.revocations(1000000)), 2::bigint, 'all for a relay that knows a number of another database'
);
UPDATE runtime.sync_revocations SET forget_at = now() - interval '1 second' WHERE kind = 'sub';
SELECT is((SELECT array_agg(r.kind) FROM khala.revocations() AS r), ARRAY['org'], 'what can be forgotten is left out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
