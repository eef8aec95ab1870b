BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    array_agg(khala_internal.proto_varint(v.given) ORDER BY v.place),
    ARRAY[
        '\x00', '\x01', '\x7f', '\x8001', '\x9601', '\xac02', '\xff7f', '\x808001', '\xffff7f', '\x80808001',
        '\xffffff7f', '\x8080808001', '\xffffffff7f', '\x808080808001', '\xffffffffff7f', '\x80808080808001',
        '\xffffffffffff7f', '\x8080808080808001', '\xffffffffffffff7f', '\x808080808080808001',
        '\xffffffffffffffff7f'
    ]::bytea[],
    'every length, at both of its ends'
)
FROM unnest(
    ARRAY[
        0, 1, 127, 128, 150, 300, 16383, 16384, 2097151, 2097152, 268435455, 268435456, 34359738367, 34359738368,
        4398046511103, 4398046511104, 562949953421311, 562949953421312, 72057594037927935, 72057594037927936,
        9223372036854775807
    ]
) WITH ORDINALITY AS v (given, place);

-- Read back: seven bits a byte, lowest first.
SELECT is(
    array_agg(w.read_back ORDER BY w.given), array_agg(w.given ORDER BY w.given), 'any bits come back'
)
FROM (
    SELECT v.given, (
        SELECT bit_or((get_byte(khala_internal.proto_varint(v.given), b.i) & 127)::bigint << (7 * b.i))
        FROM generate_series(0, octet_length(khala_internal.proto_varint(v.given)) - 1) AS b (i)
    ) AS read_back
    FROM (
        SELECT 6148914691236517205 >> s.i AS given FROM generate_series(0, 62) AS s (i)
        UNION
        SELECT 9223372036854775807 >> s.i FROM generate_series(0, 62) AS s (i)
    ) AS v
) AS w;
SELECT is(khala_internal.proto_varint(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
