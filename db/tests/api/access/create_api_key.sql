BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

CREATE TEMP TABLE made AS
SELECT khala.create_api_key(
    'key00001', sha256('secret'), 'a label', 'ann', 'org-a',
    ARRAY['runtime.notifications', 'SYNC_TOPIC_RUNTIME_RUN_SUMMARIES']
) AS at;
SELECT ok(m.at BETWEEN now() AND clock_timestamp(), 'it says when') FROM made AS m;
SELECT results_eq(
    'SELECT k.secret_hash, k.label, k.subject, k.org_id, k.created_by = session_user, k.expires_at, k.revoked_at FROM runtime.api_keys AS k',
    $$VALUES (sha256('secret'), 'a label', 'ann', 'org-a', TRUE, NULL::timestamptz, NULL::timestamptz)$$,
    'it is stored'
);

CREATE FUNCTION pg_temp.try(
    p_id text DEFAULT 'key00002', p_hash bytea DEFAULT sha256('x'), p_label text DEFAULT 'l', p_subject text DEFAULT 's',
    p_org text DEFAULT 'o', p_scopes text[] DEFAULT ARRAY['runtime.notifications'], p_until timestamptz DEFAULT NULL,
    p_tokens integer DEFAULT 1
) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT khala.create_api_key(p_id, p_hash, p_label, p_subject, p_org, p_scopes, p_until, p_tokens)
$$;
SELECT throws_ok(q.query, q.sqlstate, NULL, q.query)
FROM (
    VALUES
    ($$SELECT pg_temp.try(p_id => 'key00001')$$, 'KH007'), ($$SELECT pg_temp.try(p_id => 'Not Good')$$, 'KH007'),
    ($$SELECT pg_temp.try(p_id => NULL)$$, 'KH007'), ($$SELECT pg_temp.try(p_hash => 'short')$$, 'KH007'),
    ($$SELECT pg_temp.try(p_label => '')$$, 'KH007'), ($$SELECT pg_temp.try(p_subject => '')$$, 'KH007'),
    ($$SELECT pg_temp.try(p_org => '')$$, 'KH007'), ($$SELECT pg_temp.try(p_scopes => '{}')$$, 'KH007'),
    ($$SELECT pg_temp.try(p_scopes => NULL)$$, 'KH007'), ($$SELECT pg_temp.try(p_scopes => ARRAY['no.such'])$$, 'KH001'),
    ($$SELECT pg_temp.try(p_scopes => ARRAY['no.such/runtime.notifications'])$$, 'KH001'),
    ($$SELECT pg_temp.try(p_scopes => ARRAY['runtime.notifications/'])$$, 'KH001'),
    ($$SELECT pg_temp.try(p_until => now())$$, 'KH007'), ($$SELECT pg_temp.try(p_tokens => 0)$$, 'KH007'),
    ($$SELECT pg_temp.try(p_tokens => NULL)$$, 'KH007')
) AS q (query, sqlstate);
SELECT lives_ok($$SELECT pg_temp.try(p_until => now() + INTERVAL '1 hour')$$, 'a key may have an end');

SELECT lives_ok($$SELECT pg_temp.try(p_id => 'key00003', p_subject => NULL, p_org => NULL)$$, 'and be for any subject and organisation');

SELECT lives_ok($$SELECT pg_temp.try(p_id => 'key00004', p_scopes => ARRAY['lightning.operate'])$$, 'and let operators set switches');

SELECT lives_ok($$SELECT pg_temp.try(p_id => 'key00005', p_scopes => ARRAY['SYNC_TOPIC_RUNTIME_NOTIFICATIONS/a/'])$$, 'and be for a part of a topic');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
