BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    khala.page_tail_bytes('a.b', TRUE, 300, 7), '\x10011a080a03612e6210ac0222070a03612e621007'::bytea, 'a page that reaches the head'
);
SELECT is(khala.page_tail_bytes('a.b', FALSE, 1, 1), '\x1a070a03612e62100122070a03612e621001'::bytea, 'a page that does not');
SELECT is(khala.page_tail_bytes('a.b', TRUE, 0, 0), '\x10011a050a03612e6222050a03612e62'::bytea, 'a topic without updates');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
