BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

SELECT is(khala_internal.canonical_json(v.given::jsonb), v.canonical, v.what)
FROM (
    VALUES
    ('{}', '{}', 'an empty object'),
    ('[]', '[]', 'an empty array'),
    ('[{},[],{}]', '[{},[],{}]', 'empty ones inside'),
    ('{"b":[],"a":{}}', '{"a":{},"b":[]}', 'by key'),
    ('{"bb":1,"a":2,"":3}', '{"":3,"a":2,"bb":1}', 'keys in order'),
    ('{"\ufb33":[1],"\ud83d\ude00":[2]}', E'{"😀":[2],"\uFB33":[1]}', 'in UTF-16 order, and what is below them too'),
    ('[1,[2,[3,{"x":[4]}]],5]', '[1,[2,[3,{"x":[4]}]],5]', 'nested ones go where they belong'),
    ('[[[1],[2]],[[3],[]],[]]', '[[[1],[2]],[[3],[]],[]]', 'several to a level'),
    ('{"b":{"y":1,"x":2},"a":{"y":3,"x":4}}', '{"a":{"x":4,"y":3},"b":{"x":2,"y":1}}', 'of the right parent'),
    ('["{,","[,",",","\u0001\u0002\u0003","}"]', '["{,","[,",",","\u0001\u0002\u0003","}"]', 'strings that look like marks'),
    ('{"n":[1.50,1e21,-0.0,1e-7],"l":[null,true,false]}', '{"l":[null,true,false],"n":[1.5,1e+21,0,1e-7]}', 'scalars'),
    ((repeat('[', 64) || repeat(']', 64)), repeat('[', 64) || repeat(']', 64), '64 levels are taken')
) AS v (given, canonical, what);

SELECT throws_ok(
    $$SELECT khala_internal.canonical_json((repeat('[', 65) || repeat(']', 65))::jsonb)$$, 'KH005', NULL, '65 are not'
);
SELECT throws_ok(
    $$SELECT khala_internal.canonical_json('[[{"a":9007199254740993}]]')$$, 'KH005', NULL, 'a number between doubles'
);
SELECT is(khala_internal.canonical_json(NULL), NULL, 'null in, null out');
SELECT is(khala_internal.canonical_json(v.given::jsonb), v.canonical, 'a value that is neither: ' || v.given)
FROM (VALUES ('1.50', '1.5'), ('"x"', '"x"'), ('null', 'null'), ('true', 'true')) AS v (given, canonical);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
