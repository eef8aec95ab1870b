BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

DO $$ BEGIN
    PERFORM khala.register_topic('pgtap.checked', p_ownership => 'public');
    PERFORM khala.set_topic_schema('pgtap.checked', '{"properties": {"total": {"type": "string"}}}', TRUE);
END $$;
SELECT lives_ok(
    $$SELECT khala_internal.check_payloads('pgtap.checked', '{a,b}', ARRAY['{"total": "1"}', NULL]::jsonb[])$$, 'what matches, and a tombstone'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_payloads('pgtap.checked', '{a,b}', ARRAY['{}', '{"total": 1}']::jsonb[])$$, 'KH012',
    'payload of document ''b'' does not match the schema of topic pgtap.checked: /total is number, and has to be string', 'what does not'
);
SELECT lives_ok(
    $$SELECT khala_internal.check_payloads('pgtap.checked', '{a}', ARRAY['1']::jsonb[])$$, 'a schema of members says nothing of other values'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
