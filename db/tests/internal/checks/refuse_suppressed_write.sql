BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

SELECT throws_ok(
    $$SELECT khala_internal.refuse_suppressed_write('pgtap')$$, 'KH010', 'a trigger or rule suppressed a write to the read model of topic pgtap',
    'says which topic'
);

-- A trigger of somebody's that swallows rows: without the check a sink would try for ever, and a batch would
-- leave the read model behind the journal.
SELECT khala.register_topic('pgtap.suppressed', p_ownership => 'mixed');
CREATE FUNCTION pg_temp.swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON runtime.sync_documents
FOR EACH ROW EXECUTE FUNCTION pg_temp.swallow();
SELECT throws_ok(
    $$SELECT khala.sink('pgtap.suppressed', 'a', 1, '{}')$$, 'KH010', NULL, 'a sink that is swallowed'
);
SELECT throws_ok(
    $$SELECT khala.sink_delete('pgtap.suppressed', 'a', 1)$$, 'KH010', NULL, 'a deletion that is swallowed'
);
SELECT throws_ok(
    $$SELECT khala.sink_batch('pgtap.suppressed', '[{"doc_key": "a", "doc_version": 1, "payload": {}}]')$$,
    'KH010', NULL, 'a batch that is swallowed'
);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.suppressed'), 0::bigint,
    'nothing was allocated'
);
DROP TRIGGER swallow ON runtime.sync_documents;
SELECT results_eq(
    $$SELECT watermark, outcome FROM khala.sink('pgtap.suppressed', 'a', 1, '{}')$$,
    $$VALUES (1::bigint, 'applied')$$, 'and without it all is well'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
