BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT is(
    khala.payload_hash_text('{}'), 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    'sha256: and 64 lower-case digits'
);
SELECT is(
    khala.payload_hash_text('{"b":1,"a":2}'), 'sha256:' || encode(khala.payload_hash('{"a":2,"b":1}'), 'hex'),
    'the digits are those of the hash'
);
SELECT throws_ok($$SELECT khala.payload_hash_text('{"a":1e400}')$$, 'KH005', NULL, 'what has no canonical text has no hash');
SELECT is(khala.payload_hash_text(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
