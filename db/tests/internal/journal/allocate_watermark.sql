BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(16);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.allocate', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.allocate_other', p_ownership => 'mixed');
END
$$;

SELECT is(khala_internal.allocate_watermark('pgtap.allocate'), 1::bigint, 'the first watermark is 1');
SELECT is(khala_internal.allocate_watermark('pgtap.allocate'), 2::bigint, 'then 2');
SELECT is(khala_internal.allocate_watermark('pgtap.allocate', 5), 7::bigint, 'of a range, the last');
SELECT is(khala_internal.allocate_watermark('pgtap.allocate'), 8::bigint, 'without a hole');
SELECT is(khala_internal.allocate_watermark('pgtap.allocate_other'), 1::bigint, 'each topic counts by itself');
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.allocate'), 8::bigint,
    'the head is the last one given out'
);

-- What a transaction takes back is given out again: no hole.
DO $$
BEGIN
    PERFORM khala_internal.allocate_watermark('pgtap.allocate', 100);
    RAISE EXCEPTION 'taken back';
EXCEPTION
    WHEN raise_exception THEN NULL;
END
$$;
SELECT is(khala_internal.allocate_watermark('pgtap.allocate'), 9::bigint, 'a rolled back range leaves no hole');

-- allocate_watermark bypasses the journal; what follows only needs the row.
UPDATE runtime.sync_topic_sequences SET armed = TRUE, head_watermark = 9007199254740991 WHERE topic = 'pgtap.allocate';
SELECT is(khala_internal.allocate_watermark('pgtap.allocate'), 9007199254740992, 'beyond 2^53');
SELECT is(
    (SELECT s.armed FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.allocate'), FALSE,
    'it disarms the wake-up'
);

-- Subscribers are given what is committed; a crash must not take it back.
SET LOCAL synchronous_commit = off;
DO $$ BEGIN PERFORM khala_internal.allocate_watermark('pgtap.allocate'); END $$;
SELECT is(current_setting('synchronous_commit'), 'on', 'a caller that commits asynchronously waits for this commit');
SET LOCAL synchronous_commit = remote_apply;
DO $$ BEGIN PERFORM khala_internal.allocate_watermark('pgtap.allocate'); END $$;
SELECT is(current_setting('synchronous_commit'), 'remote_apply', 'one that waits for more does so');

SELECT throws_ok($$SELECT khala_internal.allocate_watermark('pgtap.unknown')$$, 'KH001', NULL, 'an unknown topic');
SELECT throws_ok('SELECT khala_internal.allocate_watermark(NULL)', 'KH001', NULL, 'no topic');
SELECT throws_ok($$SELECT khala_internal.allocate_watermark('pgtap.allocate', 0)$$, 'KH007', NULL, 'none of them');
SELECT throws_ok($$SELECT khala_internal.allocate_watermark('pgtap.allocate', -1)$$, 'KH007', NULL, 'fewer than none');
SELECT throws_ok($$SELECT khala_internal.allocate_watermark('pgtap.allocate', NULL)$$, 'KH007', NULL, 'an unknown number');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
