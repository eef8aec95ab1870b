BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(33);

DO $$ BEGIN
    PERFORM khala.register_topic('pgtap.shaped', p_ownership => 'public');
    PERFORM khala.register_topic('pgtap.grouped', p_ownership => 'public', p_writes => 'grouped');
END $$;
CREATE FUNCTION pg_temp.outcome(p_call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_result text;
    v_hint text;
    v_detail text;
BEGIN
    EXECUTE p_call INTO v_result;
    RETURN v_result;
EXCEPTION
    WHEN SQLSTATE 'KH012' THEN
        GET STACKED DIAGNOSTICS v_hint = PG_EXCEPTION_HINT, v_detail = PG_EXCEPTION_DETAIL;
        RETURN concat_ws('; ', SQLSTATE, v_hint, v_detail::jsonb);
END
$$;
SELECT is(khala.set_topic_schema('pgtap.shaped', '{"type": "object", "required": ["n"]}'), 'pgtap.shaped', 'is set');
SELECT is(pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.shaped', 'a', 1, '{}')$$), 'applied', 'and is not checked');
SELECT is(khala.set_topic_schema('pgtap.shaped', '{"type": "object", "required": ["n"]}', TRUE), 'pgtap.shaped', 'is checked');
SELECT is(
    pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.shaped', 'a', 2, '{}')$$),
    'KH012; Correct /n of the payload, or change the schema with khala.set_topic_schema.; {"path": "/n", "doc_key": "a", "ordinal": 1}', 'a write is refused'
);
SELECT is(pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.shaped', 'a', 2, '{"n": 1}')$$), 'applied', 'one that matches is not');
SELECT is(
    pg_temp.outcome($$SELECT outcome FROM khala.sink_batch('pgtap.shaped', '[{"doc_key": "b", "payload": {"n": 1}}, {"doc_key": "c", "payload": {}}]')$$),
    'KH012; Correct /n of the payload, or change the schema with khala.set_topic_schema.; {"path": "/n", "doc_key": "c", "ordinal": 2}', 'a batch is refused'
);
SELECT is(
    pg_temp.outcome($$SELECT outcome FROM khala.sink_batch('pgtap.shaped', '[{"doc_key": "a", "doc_version": 3, "deleted": true}]')$$), 'applied', 'a tombstone is not'
);
SELECT is(pg_temp.outcome($$SELECT outcome FROM khala.sink_delete('pgtap.shaped', 'a', 4)$$), 'applied', 'nor by itself');
SELECT is(khala.set_topic_schema('pgtap.grouped', '{"required": ["n"]}', TRUE), 'pgtap.grouped', 'a grouped topic');
SELECT alike(pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.grouped', 'a', 1, '{}')$$), 'KH012;%', 'refuses before it stages');
SELECT is(pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.grouped', 'a', 1, '{"n": 1}')$$), 'staged', 'and stages what matches');
SELECT is(khala.set_topic_schema('pgtap.shaped', NULL), 'pgtap.shaped', 'is removed');
SELECT is(pg_temp.outcome($$SELECT outcome FROM khala.sink('pgtap.shaped', 'a', 5, '{}')$$), 'applied', 'and checked no more');
SELECT throws_ok('SELECT khala.set_topic_schema(' || c.arguments || ')', c.code, NULL, c.arguments)
FROM (
    VALUES
    ('''nothing'', ''{}''', 'KH001'), ('''pgtap.shaped'', NULL, TRUE', 'KH007'),
    ('''runtime.run_summaries'', ''{}'', TRUE', 'KH008'), ('''pgtap.shaped'', ''{"if": {}}''', 'KH007'),
    ('''pgtap.shaped'', ''true''', 'KH007'), ('''pgtap.shaped'', ''{"type": "array"}''', 'KH007'),
    ('''pgtap.shaped'', ''{"title": "\u0000"}''', 'KH007'), ('''pgtap.shaped'', ''{"title": "\ud800"}''', 'KH007'),
    ('''pgtap.shaped'', ''{"properties": {"a": {"maximum": 1e309}}}''', 'KH007'), ('''pgtap.shaped'', ''{"enum": [[-1e309]]}''', 'KH007'),
    ('''pgtap.shaped'', json_build_object(''title'', repeat(''x'', 262144))', 'KH007'),
    ('''pgtap.shaped'', ''{"$defs": {"A": {"$ref": "#/$defs/A"}}, "definitions": {"A": {}}}''', 'KH007'),
    ('''pgtap.shaped'', (repeat(''{"items": '', 3000) || ''{}'' || repeat(''}'', 3000))::json', 'KH007'),
    ('''pgtap.shaped'', ''{"$ref": "#"}''', 'KH007'), ('''pgtap.shaped'', ''{"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"anyOf": [{"$ref": "#"}]}}}''', 'KH007'),
    ('''pgtap.shaped'', (repeat(''{"items": '', 129) || ''{}'' || repeat(''}'', 129))::json', 'KH007'),
    ('''pgtap.shaped'', ''{"$defs": {"A": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/B"}]}, "B": {"allOf": [{"$ref": "#/$defs/A"}]}}}''', 'KH007')
) AS c (arguments, code);
SELECT lives_ok(
    $$SELECT khala.set_topic_schema('pgtap.shaped', (repeat('{"properties": {"a": ', 64) || '{}' || repeat('}}', 64))::json)$$,
    'a payload can be described as deeply as it is'
);
SELECT lives_ok(
    $$SELECT khala.set_topic_schema('pgtap.shaped', '{"properties": {"a": {"$ref": "#"}, "b": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}', TRUE)$$,
    'and so may the whole'
);
SELECT lives_ok(
    $$SELECT khala.set_topic_schema('pgtap.shaped', '{"$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}, "allOf": [{"$ref": "#/$defs/A"}]}', TRUE)$$,
    'a definition may contain itself'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
