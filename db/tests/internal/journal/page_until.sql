BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

-- Watermarks 1 to 6; a sees 1, 3 and 5, of 1,009 bytes each and 256 and a letter around them.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.until');
    PERFORM khala.sink(
        'pgtap.until', 'k', i, jsonb_build_object('text', repeat('x', 998)), CASE WHEN i % 2 = 1 THEN 'a' ELSE 'b' END
    ) FROM generate_series(1, 6) AS s (i);
END
$$;
-- A document that moves is seen by both: these stay where they are.
UPDATE runtime.sync_stream_events SET owner_changed = FALSE WHERE topic = 'pgtap.until';

SELECT is(khala_internal.page_until('pgtap.until', v.after, v.until, v.org, v.updates, v.bytes), v.ends::bigint, v.what)
FROM (
    VALUES
    (0, 6, 'a', 3, 100000, 6, 'all there is'),
    (0, 4, 'a', 3, 100000, 4, 'no further than asked for'),
    (0, 6, 'c', 3, 100000, 6, 'nothing to see, and all of it covered'),
    (6, 6, 'a', 3, 100000, 6, 'at the end'),
    (0, 6, 'a', 2, 100000, 4, 'before the first update too many'),
    (2, 6, 'a', 1, 100000, 4, 'from a cursor on'),
    (0, 6, 'a', 3, 3798, 6, 'exactly as many bytes as there is room for'),
    (0, 6, 'a', 3, 3797, 4, 'one byte less'),
    (0, 6, 'a', 3, 2531, 2, 'room for one and nearly another'),
    (0, 6, 'a', 2, 2532, 4, 'the row that is one too many does not count'),
    (0, 6, 'a', 3, 1, 2, 'never less than one'),
    (4, 6, 'a', 3, 1, 6, 'also when that is the last'),
    (0, 6, 'a', 1, 1, 2, 'both limits at once')
) AS v (after, until, org, updates, bytes, ends, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
