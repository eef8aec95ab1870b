BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(5);

SELECT is(
    khala_internal.page_tail_bytes('a.b', TRUE, 300, 7), '\x10011a080a03612e6210ac0222070a03612e621007'::bytea, 'a page that reaches the head'
);
SELECT is(khala_internal.page_tail_bytes('a.b', FALSE, 1, 1), '\x1a070a03612e62100122070a03612e621001'::bytea, 'a page that does not');
SELECT is(khala_internal.page_tail_bytes('a.b', TRUE, 0, 0), '\x10011a050a03612e6222050a03612e62'::bytea, 'a topic without updates');
SELECT is(
    khala_internal.page_tail_bytes('a.b', FALSE, v.n + 1, v.n),
    '\x1a'::bytea || khala_internal.proto_varint(6 + octet_length(khala_internal.proto_varint(v.n + 1))) || '\x0a03612e6210'::bytea || khala_internal.proto_varint(v.n + 1)
    || '\x22'::bytea || khala_internal.proto_varint(6 + octet_length(khala_internal.proto_varint(v.n))) || '\x0a03612e6210'::bytea || khala_internal.proto_varint(v.n),
    format('watermarks from %s', v.n)
)
FROM (VALUES (16383), (9007199254740992)) AS v (n);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
