BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

SELECT is((SELECT khala_internal.lightning_json('{"a": 0}', 'a')), '0'::jsonb, '0 as it is');
SELECT is((SELECT khala_internal.lightning_json('{"a": false}', 'a')), 'false'::jsonb, 'false as it is');
SELECT is((SELECT khala_internal.lightning_json('{"a": "text"}', 'a')), '"text"'::jsonb, '"text" as it is');
SELECT is((SELECT khala_internal.lightning_json('{"a": [null]}', 'a')), '[null]'::jsonb, '[null] as it is');
SELECT is((SELECT khala_internal.lightning_json('{"a": {"b": null}}', 'a')), '{"b": null}'::jsonb, '{"b": null} as it is');
SELECT is((SELECT khala_internal.lightning_json('{"a": null}', 'a')), NULL::jsonb, 'null is absent');
SELECT is((SELECT khala_internal.lightning_json('{}', 'a')), NULL::jsonb, 'absent');
SELECT throws_ok(q.query, 'KH020', q.message, q.query)
FROM (
    VALUES
    ($$SELECT khala_internal.lightning_json('{"a": 9007199254740993}', 'a')$$, 'invalid_a'),
    ($$SELECT khala_internal.lightning_json(('{"a": ' || repeat('[', 70) || repeat(']', 70) || '}')::jsonb, 'a')$$, 'invalid_a')
) AS q (query, message);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
