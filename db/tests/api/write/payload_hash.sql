BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(7);

SELECT is(encode(khala.payload_hash(v.payload::jsonb), 'hex'), v.hash, 'the hash of ' || v.payload)
FROM (
    VALUES
    ('{}', '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'),
    ('{ "n" : 1.0 }', '2bfd14f43d17fc7cea24e0917a8879b4b2f880b8baeec1b9d90fbaad655e71bd'),
    ('{"a":"\u20ac"}', 'db8566e7dc218a6795f689fe26667214b263a2443d9966d00742cbd38019c33e'),
    ('[]', '4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945')
) AS v (payload, hash);
SELECT is(
    khala.payload_hash('{"b":[1,2.50],"a":null}'), sha256('{"a":null,"b":[1,2.5]}'),
    'it is the SHA-256 of the canonical bytes'
);
SELECT throws_ok($$SELECT khala.payload_hash('{"a":1e400}')$$, 'KH005', NULL, 'what has no canonical text has no hash');
SELECT is(khala.payload_hash(NULL), NULL, 'null in, null out');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
