BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(8);

-- The rules of outcomes and owners are tested through khala_internal.write_documents; here, what is given to it.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.stored', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.stored_pointer', p_payload_mode => 'pointer', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.stored', 'there', 7, '{"n":7}', 'a');
    PERFORM set_config('khala.traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', TRUE);
END
$$;

SELECT is(
    khala_internal.store_documents(
        'pgtap.stored', ARRAY['x', 'there', 'x', 'there', 'x'], ARRAY[2, 6, 1, 8, 3], ARRAY['a', 'a', 'a', 'b', 'a'],
        ARRAY['{"n":2}', '{"n":6}', '{"n":1}', '{"n":8}', NULL]::jsonb[], ARRAY[FALSE, FALSE, FALSE, FALSE, TRUE],
        ARRAY['{"n":2}', '{"n":6}', '{"n":1}', '{"n":8}', NULL], ARRAY['\x02', '\x06', '\x01', '\x08', NULL]::bytea[],
        ARRAY['t1', 't2', 't3', NULL, 't5']
    )::text,
    '("{2,NULL,NULL,3,4}","{applied,stale_version,stale_version,applied,applied}")',
    'each occurrence meets what was left by the one before it'
);
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key COLLATE "default", j.doc_version, j.payload, j.payload_hash, j.traceparent, j.org_id,
        j.owner_changed, j.previous_org_id
      FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.stored' AND j.watermark > 1 ORDER BY 1$$,
    $$VALUES (2::bigint, 'x', 2::bigint, '{"n":2}', '\x02'::bytea, 't1', 'a', FALSE, NULL),
        (3, 'there', 8, '{"n":8}', '\x08', NULL, 'b', TRUE, 'a'), (4, 'x', 3, NULL, NULL, 't5', 'a', FALSE, NULL)$$,
    'the journal has each version that was written, as it was given'
);
SELECT results_eq(
    $$SELECT d.doc_key COLLATE "default", d.doc_version, d.watermark, d.deleted, d.payload
      FROM runtime.sync_documents AS d
      WHERE d.topic = 'pgtap.stored' ORDER BY 1$$,
    $$VALUES ('there', 8::bigint, 3::bigint, FALSE, '{"n":8}'::jsonb), ('x', 3, 4, TRUE, NULL)$$,
    'the read model has the last of each document'
);
SELECT is(
    (SELECT s.head_watermark FROM runtime.sync_topic_sequences AS s WHERE s.topic = 'pgtap.stored'), 4::bigint,
    'only what is written takes a watermark'
);
SELECT is(
    khala_internal.store_documents(
        'pgtap.stored', ARRAY['x', 'x'], ARRAY[2, 3], ARRAY[NULL, NULL]::text[], ARRAY['{}', NULL]::jsonb[],
        ARRAY[FALSE, TRUE], ARRAY['{}', NULL], ARRAY['\x00', NULL]::bytea[]
    )::text,
    '("{NULL,NULL}","{stale_version,duplicate}")', 'nothing to write takes none'
);
SELECT is(
    (khala_internal.store_documents(
        'pgtap.stored_pointer', ARRAY['x'], ARRAY[1], ARRAY[NULL]::text[], ARRAY['{}']::jsonb[],
        ARRAY[FALSE], ARRAY['{}'], ARRAY['\x00']::bytea[]
    )).outcomes, ARRAY['applied'], 'a topic of pointers'
);
SELECT results_eq(
    $$SELECT j.payload, j.payload_bytes, j.traceparent FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.stored_pointer'$$,
    $$VALUES (NULL::text, 2, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')$$,
    'has no payload in the journal; without trace contexts the session''s own is kept'
);
SELECT throws_ok(
    $$SELECT khala_internal.store_documents(
        'pgtap.nowhere', ARRAY['x'], ARRAY[1], ARRAY[NULL]::text[], ARRAY['{}']::jsonb[], ARRAY[FALSE], ARRAY['{}'],
        ARRAY['\x00']::bytea[])$$, 'KH001', NULL, 'an unknown topic is refused'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
