BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(18);

-- Version, hash, owner, tombstone; version, hash, owner stored. A tombstone has no hash.
SELECT is(
    khala_internal.judge_document(v.version, v.hash::bytea, v.org, v.deleted, v.stored_version, v.stored_hash::bytea, v.stored_org),
    v.outcome, v.what
)
FROM (
    VALUES
    (1::bigint, 'h', NULL, FALSE, NULL::bigint, NULL, NULL, 'applied', 'a new document'),
    (0, 'h', 'o', FALSE, NULL, NULL, NULL, 'applied', 'version 0 of one'),
    (1, NULL, NULL, TRUE, NULL, NULL, NULL, 'applied', 'a tombstone of what was never seen'),
    (2, 'h', NULL, FALSE, 1, 'h', NULL, 'applied', 'a newer version, though the same'),
    (9223372036854775807, 'i', NULL, FALSE, 1, 'h', NULL, 'applied', 'versions may jump'),
    (2, NULL, NULL, TRUE, 1, 'h', NULL, 'applied', 'a newer tombstone'),
    (2, 'h', NULL, FALSE, 1, NULL, NULL, 'applied', 'back after a tombstone'),
    (1, 'i', NULL, FALSE, 2, 'h', NULL, 'stale_version', 'an older version'),
    (1, NULL, NULL, TRUE, 2, 'h', NULL, 'stale_version', 'an older tombstone'),
    (1, 'h', 'p', FALSE, 2, NULL, 'o', 'stale_version', 'a version older than the tombstone'),
    (1, 'h', NULL, FALSE, 1, 'h', NULL, 'duplicate', 'the same'),
    (1, 'h', 'o', FALSE, 1, 'h', 'o', 'duplicate', 'the same with an owner'),
    (1, NULL, NULL, TRUE, 1, NULL, 'o', 'duplicate', 'the same tombstone, whatever owner it names'),
    (1, 'i', NULL, FALSE, 1, 'h', NULL, 'rewritten', 'the same version with other content'),
    (1, 'h', 'p', FALSE, 1, 'h', 'o', 'rewritten', 'of another owner'),
    (1, 'h', NULL, FALSE, 1, 'h', 'o', 'rewritten', 'made public'),
    (1, NULL, NULL, TRUE, 1, 'h', NULL, 'rewritten', 'deleted under the same version'),
    (1, 'h', NULL, FALSE, 1, NULL, NULL, 'rewritten', 'and brought back under it')
) AS v (version, hash, org, deleted, stored_version, stored_hash, stored_org, outcome, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
