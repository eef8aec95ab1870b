BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

-- The floor is 5, the head 10, the epoch e.
SELECT is(khala_internal.stale_reason(v.after, 10, 5, v.epoch, v.current), v.reason, v.what)
FROM (
    VALUES
    (7::bigint, 'e', 'e', NULL, 'a good cursor'), (7, NULL, 'e', NULL, 'in the epoch in force'),
    (4, 'e', 'e', NULL, 'what comes next is the oldest that is there'), (3, 'e', 'e', 'below_floor', 'what comes next is gone'),
    (10, 'e', 'e', NULL, 'at the head'), (11, 'e', 'e', 'cursor_ahead', 'beyond it'),
    (9223372036854775807, 'e', 'e', 'cursor_ahead', 'as far as can be'),
    (7, 'f', 'e', 'epoch_changed', 'another epoch'), (3, 'f', 'e', 'epoch_changed', 'which comes before the floor'),
    (7, 'e', NULL, 'epoch_changed', 'no epoch in force'), (7, NULL, NULL, 'epoch_changed', 'nor when none is given')
) AS v (after, epoch, current, reason, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
