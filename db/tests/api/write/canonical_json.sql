BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(38);

SELECT is(khala.canonical_json(v.given::jsonb), v.canonical, v.what)
FROM (
    VALUES
    ('{}', '{}', 'an empty object'),
    ('[]', '[]', 'an empty array'),
    ('{"a":[],"b":{}}', '{"a":[],"b":{}}', 'empty ones inside'),
    ('null', 'null', 'null'),
    ('true', 'true', 'true'),
    ('false', 'false', 'false'),
    ('"x"', '"x"', 'a string'),
    ('5.0', '5', 'a number'),
    (' { "b" : 1 , "a" : 2 } ', '{"a":2,"b":1}', 'keys in order, no white space'),
    ('{"bb":1,"a":2,"b":3,"B":4,"":5}', '{"":5,"B":4,"a":2,"b":3,"bb":1}', 'jsonb orders by length, this does not'),
    ('{"10":1,"9":2}', '{"10":1,"9":2}', 'digits are characters'),
    ('{"a.b":1,"a":2,"a b":3,"a-b":4}', '{"a":2,"a b":3,"a-b":4,"a.b":1}', 'no collation plays a part'),
    ('{"é":1,"f":2,"e":3}', '{"e":3,"f":2,"é":1}', 'accents come after'),
    (
        '{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}',
        E'{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\uFB33":"Hebrew Letter Dalet With Dagesh"}',
        'the keys of RFC 8785, section 3.2.3'
    ),
    (
        '{"numbers":[333333333.3333333,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA''\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}',
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA''B\"\\\\\"/"}',
        'the example of RFC 8785, section 3.2.2'
    ),
    ('"\u0001\u001f\b\f\n\r\t"', '"\u0001\u001f\b\f\n\r\t"', 'the escapes of control characters'),
    ('"\u007f\u0085\u2028\u2029\ufeff"', E'"\u007f\u0085\u2028\u2029\ufeff"', 'nothing else is escaped'),
    ('"\u003c\u002f\u003e\u0026"', '"</>&"', 'nor what HTML minds'),
    ('{"\"\\\n":1}', '{"\"\\\n":1}', 'keys are escaped as strings are'),
    ('{"a":1,"a":2}', '{"a":2}', 'type jsonb keeps the last of duplicate keys'),
    ('[1,[2,[3,{"x":[4]}]]]', '[1,[2,[3,{"x":[4]}]]]', 'arrays keep their order'),
    ('[10,9,"10","9",null]', '[10,9,"10","9",null]', 'whatever is in them'),
    ('{"a":1.0,"b":1e2,"c":-0,"d":-0.0}', '{"a":1,"b":100,"c":0,"d":0}', 'numbers in objects'),
    ('{"a":999999999999999,"b":1000000000000000}', '{"a":999999999999999,"b":1000000000000000}', 'long integers'),
    ('{"a":-999999999999999,"b":-9007199254740992}', '{"a":-999999999999999,"b":-9007199254740992}', 'negative ones'),
    ('{"a":123456789012345680000}', '{"a":123456789012345680000}', 'up to 21 digits'),
    ('{"a":1e21}', '{"a":1e+21}', 'then with an exponent')
) AS v (given, canonical, what);

SELECT is(khala.canonical_json(khala.canonical_json(v.given)::jsonb), khala.canonical_json(v.given), 'canonical text is its own canonical text')
FROM (SELECT '{"z":[1e-7,{"y":"\u20ac"}],"a":1.50}'::jsonb AS given) AS v;

SELECT throws_ok('SELECT khala.canonical_json(''' || v.given || ''')', 'KH005', NULL, v.what)
FROM (
    VALUES
    ('{"a":1e400}', 'a number beyond a double, in an object'),
    ('[9007199254740993]', 'a number between doubles, in an array'),
    ('{"a":{"b":[{"c":9007199254740993}]}}', 'however deep'),
    ('{"a":9007199254740993}', 'an integer between doubles'),
    ('0.1234567890123456789', 'a number alone')
) AS v (given, what);

SELECT is(
    khala.canonical_json((repeat('[', 64) || repeat(']', 64))::jsonb), repeat('[', 64) || repeat(']', 64),
    '64 levels are taken'
);
SELECT throws_ok(
    $$SELECT khala.canonical_json((repeat('[', 65) || repeat(']', 65))::jsonb)$$, 'KH005', NULL, '65 are not'
);
SELECT throws_ok(
    $$SELECT khala.canonical_json((repeat('{"a":', 65) || '1' || repeat('}', 65))::jsonb)$$, 'KH005', NULL,
    'of objects neither'
);
SELECT is(khala.canonical_json(NULL), NULL, 'null in, null out');
SELECT is(
    khala.canonical_json(jsonb_build_object('k', repeat('é"', 100000))), '{"k":"' || repeat('é\"', 100000) || '"}',
    'long strings'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
