BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(47);

-- Version, hash, owner, tombstone; version, hash, owner stored. A tombstone has no hash.
SELECT is(j.outcome, v.outcome, v.what)
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
    (1, 'h', NULL, FALSE, 1, NULL, NULL, 'rewritten', 'and brought back under it'),
    (NULL, 'h', NULL, FALSE, NULL, NULL, NULL, 'applied', 'no version, of a new document'),
    (NULL, 'h', NULL, FALSE, 1, 'h', NULL, 'applied', 'no version, though the same'),
    (NULL, 'i', NULL, FALSE, 9223372036854775807, 'h', NULL, 'stale_version', 'no version, and none comes after the one stored')
) AS v (version, hash, org, deleted, stored_version, stored_hash, stored_org, outcome, what)
CROSS JOIN LATERAL khala_internal.judge_document(
    v.version, v.hash::bytea, 2, v.org, v.deleted, v.stored_version, v.stored_hash::bytea, v.stored_org, FALSE, 'mixed', 'auto', 10
) AS j;

-- Without a version the next one.
SELECT is(j.doc_version, v.written, v.what)
FROM (
    VALUES
    (NULL::bigint, NULL::bigint, 1::bigint, 'the first version'), (NULL, 41, 42, 'the next one'), (7, 41, 7, 'the one given'),
    (NULL, 9223372036854775806, 9223372036854775807, 'the last one'), (NULL, 9223372036854775807, NULL, 'nothing after the last one')
) AS v (version, stored_version, written, what)
CROSS JOIN LATERAL khala_internal.judge_document(v.version, 'h', 2, NULL, FALSE, v.stored_version, 'h', NULL, FALSE, 'mixed', 'auto', 10) AS j;

-- Whose it is, and was.
SELECT is(ARRAY[j.owner_id, j.owner_changed::text], ARRAY[v.owner_id, v.changed::text], v.what)
FROM (
    VALUES
    ('o', FALSE, NULL::bigint, NULL, NULL::boolean, 'o', FALSE, 'a new document leaves nobody'), (NULL, FALSE, 1, NULL, FALSE, NULL, FALSE, 'public as before'),
    ('o', FALSE, 1, 'o', FALSE, 'o', FALSE, 'owned as before'), ('o', FALSE, 1, NULL, FALSE, 'o', TRUE, 'public before'), ('p', FALSE, 1, 'o', FALSE, 'p', TRUE, 'of another'),
    (NULL, FALSE, 1, 'o', FALSE, NULL, TRUE, 'made public'), ('p', FALSE, 1, 'o', TRUE, 'p', FALSE, 'nobody has what is deleted'),
    ('p', TRUE, 1, 'o', FALSE, 'o', FALSE, 'a tombstone keeps the owner'), (NULL, TRUE, 1, 'o', TRUE, 'o', FALSE, 'and so does the next'), ('p', TRUE, NULL, NULL, NULL, 'p', FALSE, 'unless the document was never seen')
) AS v (org, deleted, stored_version, stored_org, stored_deleted, owner_id, changed, what)
CROSS JOIN LATERAL khala_internal.judge_document(2, 'h', 2, v.org, v.deleted, v.stored_version, 'h', v.stored_org, v.stored_deleted, 'mixed', 'auto', 10) AS j;

-- A tombstone without an owner, of what was never seen.
SELECT is(j.owner_id, v.owner_id, v.what)
FROM (
    VALUES
    ('owned', NULL, NULL::bigint, '', 'is for nobody in an owned topic'), ('owned', 'o', NULL, 'o', 'unless it names one'),
    ('owned', NULL, 1, 's', 'or there is one'), ('mixed', NULL, NULL, NULL, 'is public in a mixed one'), ('public', NULL, NULL, NULL, 'and in a public one')
) AS v (ownership, org, stored_version, owner_id, what)
CROSS JOIN LATERAL khala_internal.judge_document(2, NULL, 0, v.org, TRUE, v.stored_version, 'h', 's', FALSE, v.ownership, 'auto', 10) AS j;

-- Whether the journal carries it.
SELECT is(j.carried, v.carried, concat_ws(' ', v.bytes, 'bytes,', v.payload_mode))
FROM (
    VALUES
    (10, 'auto', TRUE), (11, 'auto', FALSE), (10, 'pointer', FALSE), (11, 'pointer', FALSE), (10, 'inline', TRUE), (11, 'inline', FALSE)
) AS v (bytes, payload_mode, carried)
CROSS JOIN LATERAL khala_internal.judge_document(2, 'h', v.bytes, NULL, FALSE, 1, 'h', NULL, FALSE, 'mixed', v.payload_mode, 10) AS j;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
