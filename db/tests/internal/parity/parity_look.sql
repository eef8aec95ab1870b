BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

DO $$
BEGIN
    PERFORM khala.append_run_event('pgtap-look', 'run.started', '{}', 'pgtap'), khala.append_run_event('pgtap-look', 'run.finished', '{}');
    PERFORM khala.register_topic('pgtap.look', p_ownership => 'public');
    PERFORM khala.sink('pgtap.look', 'counted', 70, '{"latest_seq": 5}'), khala.sink('pgtap.look', 'plain', 71, '{"projected_at": 1, "a": 1}');
    PERFORM khala.sink('pgtap.look', 'gone', 1, '{}'), khala.sink_delete('pgtap.look', 'gone', 2);
END
$$;
CREATE TEMP VIEW looked AS
SELECT l.doc_key, l.is_projected, l.is_stored, l.is_deleted, l.doc_version, l.watermark, l.seq, l.latest_seq, l.bare_hash, l.fault
FROM khala_internal.parity_look(
    array_fill('pgtap.look'::text, ARRAY[4]) || 'runtime.run_summaries'::text,
    ARRAY['counted', 'plain', 'gone', 'never', 'runtime/run_summary:pgtap-look']
) AS l;

SELECT results_eq(
    'SELECT l.doc_key, l.is_projected, l.is_stored, l.is_deleted, l.doc_version, l.seq, l.latest_seq FROM looked AS l ORDER BY l.doc_key',
    $$VALUES ('counted', FALSE, TRUE, FALSE, 70::bigint, 5::numeric, NULL::bigint), ('gone', FALSE, TRUE, TRUE, 2, NULL, NULL),
        ('never', FALSE, FALSE, FALSE, NULL, NULL, NULL), ('plain', FALSE, TRUE, FALSE, 71, 71, NULL),
        ('runtime/run_summary:pgtap-look', TRUE, TRUE, FALSE, 2, 2, 2)$$,
    'what is there, its sequence number, and that of its history'
);
SELECT is(l.bare_hash, sha256('{"a":1}'), 'the hash leaves projected_at out') FROM looked AS l WHERE l.doc_key = 'plain';
SELECT is(l.bare_hash, c.summary_hash, 'it is the hash of the checkpoint')
FROM looked AS l CROSS JOIN runtime.projection_checkpoints AS c
WHERE l.is_projected AND c.entity_id = 'pgtap-look';
SELECT is(count(l.fault), 0::bigint, 'nothing is wrong with any of them') FROM looked AS l;
SELECT is(
    l.watermark, (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.look'), 'the watermark of the last change'
)
FROM looked AS l WHERE l.doc_key = 'gone';

DO $$
BEGIN
    UPDATE runtime.sync_documents SET payload = '{"a": 2}' WHERE topic = 'pgtap.look' AND doc_key = 'plain';
    UPDATE runtime.sync_documents SET payload = '{"a": 2}', payload_hash = khala.payload_hash('{"a": 2}')
    WHERE doc_key = 'runtime/run_summary:pgtap-look';
END
$$;
SELECT is(l.fault, v.fault, v.doc_key || ' was changed by something else')
FROM (
    VALUES ('plain', 'the document in Khala differs from its own hash'),
    ('runtime/run_summary:pgtap-look', 'the document in Khala differs from the checkpoint of its projection')
) AS v (doc_key, fault)
INNER JOIN looked AS l ON v.doc_key = l.doc_key;
DELETE FROM runtime.sync_documents AS d WHERE d.doc_key = 'runtime/run_summary:pgtap-look';
SELECT results_eq(
    'SELECT l.is_stored, l.latest_seq FROM looked AS l WHERE l.is_projected', 'VALUES (FALSE, 2::bigint)', 'a checkpoint without a document'
);
SELECT is_empty($$SELECT * FROM khala_internal.parity_look('{}', '{}')$$, 'of nothing, nothing');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
