BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

SELECT is(
    khala_internal.update_bytes('a.b', 'k', 3, 7, sha256(''), FALSE, '{"n":1}'),
    '\x0a370a03612e6212016b180320072a20e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8554a077b226e223a317d'::bytea,
    'a document'
);
SELECT is(
    khala_internal.update_bytes('a.b', 'k', 3, 7, sha256(''), FALSE, NULL),
    '\x0a300a03612e6212016b180320072a20e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8553001'::bytea,
    'a pointer'
);
SELECT is(
    khala_internal.update_bytes('a.b', 'k', 0, 300, sha256(''), TRUE, '{"n":1}'), '\x0a0d0a03612e6212016b20ac023801'::bytea,
    'a tombstone shows nothing of the document; version 0 is left out'
);
SELECT is(
    khala_internal.update_bytes('a.b', 'é😀', 1, 1, NULL, TRUE, NULL), '\x0a130a03612e621206c3a9f09f9880180120013801'::bytea,
    'lengths are bytes'
);
SELECT is(
    octet_length(khala_internal.update_bytes('a.b', 'k', 1, 1, sha256(''), FALSE, '{"t":"' || repeat('x', 300000) || '"}')),
    300000 + 8 + 57 - 7 + 2 * 2, 'long payloads have long lengths'
);
-- Where numbers and lengths begin to be written otherwise.
SELECT is(
    khala_internal.update_bytes('a.b', 'k', v.n, v.n, NULL, TRUE, NULL),
    '\x0a'::bytea || khala_internal.proto_varint(octet_length(v.fields)) || v.fields, format('version and watermark %s', v.n)
)
FROM (
    SELECT n.n, '\x0a03612e6212016b18'::bytea || khala_internal.proto_varint(n.n) || '\x20'::bytea || khala_internal.proto_varint(n.n) || '\x3801'::bytea AS fields
    FROM (VALUES (16383), (16384)) AS n (n)
) AS v;
SELECT ok(
    bool_and(
        khala_internal.update_bytes('a.b', 'k', 1, 1, sha256(''), FALSE, repeat('x', n.n))
        = '\x0a'::bytea || khala_internal.proto_varint(47 + octet_length(khala_internal.proto_varint(n.n)) + n.n)
        || substring(khala_internal.update_bytes('a.b', 'k', 1, 1, sha256(''), FALSE, NULL) FROM 3 FOR 46)
        || '\x4a'::bytea || khala_internal.proto_varint(n.n) || convert_to(repeat('x', n.n), 'UTF8')
    ), 'payloads around 16384 bytes'
)
FROM generate_series(16300, 16400) AS n (n);

SELECT throws_ok(
    format('SELECT khala_internal.update_bytes(%L, %L, 1, 1, NULL, TRUE, NULL)', w.topic, w.doc_key), 'KH007', NULL,
    'what is too long for a short length is refused: ' || w.what
)
FROM (
    VALUES (repeat('t', 16384), 'k', 'a topic'), ('a.b', repeat('k', 16384), 'a key')
) AS w (topic, doc_key, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
