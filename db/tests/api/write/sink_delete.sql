BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(31);

DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.delete', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.delete_public', p_ownership => 'public');
    PERFORM khala.sink('pgtap.delete', 'public', 1, '{}');
    PERFORM khala.sink('pgtap.delete', 'owned', 1, '{}', 'a');
END
$$;

SELECT results_eq(
    format('SELECT w.watermark, w.outcome FROM khala.sink_delete(%L, %L, %s, %L) AS w', 'pgtap.delete', v.key, v.version, v.org),
    format('VALUES (%L::bigint, %L)', v.watermark, v.outcome), v.what
)
FROM (
    VALUES
    ('public', 0, NULL, NULL, 'stale_version', 'an older version deletes nothing'),
    ('public', 2, NULL, 3, 'applied', 'a newer one does'),
    ('public', 2, NULL, NULL, 'duplicate', 'again'),
    ('public', 2, 'b', NULL, 'duplicate', 'again, naming an owner'),
    ('public', 3, NULL, 4, 'applied', 'a newer tombstone moves the version'),
    ('owned', 1, 'b', 5, 'rewritten', 'the same version, naming another owner'),
    ('never seen', 7, 'c', 6, 'applied', 'a document that was never seen')
) AS v (key, version, org, watermark, outcome, what);
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.org_id, d.deleted, d.payload, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.delete' ORDER BY d.doc_key$$,
    $$VALUES ('never seen' COLLATE "C", 7::bigint, 'c', TRUE, NULL::jsonb, NULL::bytea, 0),
        ('owned', 1, 'a', TRUE, NULL, NULL, 0), ('public', 3, NULL, TRUE, NULL, NULL, 0)$$,
    'the read model keeps the tombstone, and of whom it was'
);
SELECT results_eq(
    $$SELECT j.doc_key, j.org_id, j.deleted, j.payload, j.owner_changed FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.delete' AND j.watermark > 2 ORDER BY j.watermark$$,
    $$VALUES ('public' COLLATE "C", NULL, TRUE, NULL, FALSE), ('public', NULL, TRUE, NULL, FALSE),
        ('owned', 'a', TRUE, NULL, FALSE), ('never seen', 'c', TRUE, NULL, FALSE)$$,
    'the tombstone goes to whom the document belonged, whatever owner the caller names'
);
SELECT is(
    (SELECT r.updates FROM khala.replay('pgtap.delete', 4, v.org) AS r), v.updates, coalesce(v.org, 'nobody') || ' gets its own'
)
FROM (VALUES ('a', 1), ('b', 0), ('c', 1), (NULL, 0)) AS v (org, updates);

SELECT throws_ok('SELECT khala.sink_delete(' || v.arguments || ')', v.state, NULL, v.what)
FROM (
    VALUES
    ('''pgtap.unknown'', ''k'', 1', 'KH001', 'an unknown topic'),
    ('NULL, ''k'', 1', 'KH001', 'no topic'),
    ('''pgtap.delete'', '''', 1', 'KH007', 'an empty key'),
    ('''pgtap.delete'', NULL, 1', 'KH007', 'no key'),
    ('''pgtap.delete'', ''k'', -1', 'KH007', 'a negative version'),
    ('''pgtap.delete'', ''k'', 1, ''''', 'KH007', 'an empty owner'),
    ('''pgtap.delete_public'', ''k'', 1, ''a''', 'KH006', 'an owner in a public topic')
) AS v (arguments, state, what);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.delete'), 6::bigint,
    'what was refused took no watermark'
);
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink_delete('pgtap.delete_public', 'k', 1) AS w$$, ARRAY['applied'],
    'a public topic takes a tombstone without an owner'
);
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.delete_owned', p_ownership => 'owned');
    PERFORM khala.sink('pgtap.delete_owned', 'k', 1, '{}', 'a');
END
$$;
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink_delete('pgtap.delete_owned', 'k', NULL) AS w$$, ARRAY['applied'],
    'an owned topic too, of a document it has'
);
SELECT results_eq(
    $$SELECT j.doc_version, j.org_id, j.deleted FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.delete_owned' AND j.watermark = 2$$,
    $$VALUES (2::bigint, 'a', TRUE)$$, 'the version is the next'
);

-- Nobody could see what an owned topic never had, and nobody is given its key.
SELECT results_eq(
    $$SELECT w.watermark, w.outcome FROM khala.sink_delete('pgtap.delete_owned', 'a secret', 5) AS w$$,
    $$VALUES (3::bigint, 'applied')$$, 'a document that an owned topic never had, without an owner'
);
SELECT is(
    (SELECT r.updates FROM khala.replay('pgtap.delete_owned', 2, v.org) AS r), 0, coalesce(v.org, 'nobody') || ' is not told'
)
FROM (VALUES ('a'), (NULL)) AS v (org);
SELECT is(
    (SELECT r.org_id FROM khala.replay_feed('pgtap.delete_owned', 2) AS r), '', 'in the live feed it is for no organisation'
);
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink('pgtap.delete_owned', 'a secret', 4, '{}', 'a') AS w$$, ARRAY['stale_version'],
    'an older version stays away'
);
SELECT results_eq(
    $$SELECT w.outcome FROM khala.sink('pgtap.delete_owned', 'a secret', 6, '{}', 'a') AS w$$, ARRAY['applied'],
    'a newer one is its owner''s'
);
SELECT results_eq(
    $$SELECT j.org_id, j.owner_changed FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.delete_owned' AND j.watermark = 4$$,
    $$VALUES ('a', FALSE)$$, 'who leaves nobody'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
