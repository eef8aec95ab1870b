BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

SELECT is(khala_internal.wire_integer(v.value), v.json, v.value || ' is ' || v.json)
FROM (
    VALUES
    (0::bigint, '0'), (1, '1'), (9007199254740990, '9007199254740990'), (9007199254740991, '9007199254740991'),
    (9007199254740992, '"9007199254740992"'), (9007199254740993, '"9007199254740993"'),
    (9223372036854775807, '"9223372036854775807"')
) AS v (value, json);
SELECT is(khala_internal.wire_integer(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
