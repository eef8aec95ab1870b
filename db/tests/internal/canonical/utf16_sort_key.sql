BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

CREATE FUNCTION pg_temp.in_order(VARIADIC p_code_points integer[])
RETURNS integer[] LANGUAGE sql
RETURN (
    SELECT array_agg(c.code ORDER BY khala_internal.utf16_sort_key(chr(c.code)) COLLATE "C")
    FROM unnest(p_code_points) AS c (code)
);

-- The keys of RFC 8785, section 3.2.3.
SELECT is(
    pg_temp.in_order(8364, 13, 64307, 49, 128512, 128, 246), ARRAY[13, 49, 128, 246, 8364, 128512, 64307],
    'the order of the RFC: a surrogate pair stands below U+FB33'
);
-- U+D7FF is the last below the surrogates, U+E000 the first above; the two last code points are the
-- escapes of the key itself.
SELECT is(
    pg_temp.in_order(65535, 57344, 1114111, 1114110, 1114109, 65536, 55295, 65534, 65),
    ARRAY[65, 55295, 65536, 1114109, 1114110, 1114111, 57344, 65534, 65535],
    'the order at every boundary'
);
SELECT is(
    (
        SELECT array_agg(k.key ORDER BY khala_internal.utf16_sort_key(k.key) COLLATE "C")
        FROM unnest(ARRAY[
            U&'a\E000b', U&'a\+01F600b', 'a', 'ab', U&'a\+10FFFE', U&'a\+10FFFFz', U&'a\E000', U&'a\+10FFFF'
        ]) AS k (key)
    ),
    ARRAY[
        'a', 'ab', U&'a\+01F600b', U&'a\+10FFFE', U&'a\+10FFFF', U&'a\+10FFFFz', U&'a\E000', U&'a\E000b'
    ],
    'inside longer keys too, a prefix before what it begins'
);
SELECT is(khala_internal.utf16_sort_key(NULL), NULL, 'null in, null out');
SELECT is(
    (
        SELECT count(DISTINCT khala_internal.utf16_sort_key(chr(c.code)))
        FROM generate_series(1, 1114111, 7) AS c (code) WHERE c.code NOT BETWEEN 55296 AND 57343
    ),
    (SELECT count(*) FROM generate_series(1, 1114111, 7) AS c (code) WHERE c.code NOT BETWEEN 55296 AND 57343),
    'different keys have different sort keys'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
