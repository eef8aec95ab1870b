BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

CREATE FUNCTION pg_temp.failure(p_sql text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
    v_detail text;
    v_hint text;
BEGIN
    EXECUTE p_sql;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH001' OR SQLSTATE 'KH002' OR SQLSTATE 'KH003' OR SQLSTATE 'KH004' OR SQLSTATE 'KH005'
    OR SQLSTATE 'KH006' OR SQLSTATE 'KH007' THEN
        GET STACKED DIAGNOSTICS
            v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN jsonb_build_object(
            'state', v_state, 'message', SQLERRM, 'detail', nullif(v_detail, '')::jsonb, 'hinted', v_hint <> ''
        );
END
$$;

-- Its rules are tested through khala.sink_batch; here, that both write paths have the same.
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.one_by_one', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.together', p_ownership => 'mixed');
    PERFORM khala.register_topic('pgtap.all_at_once', p_ownership => 'mixed');
END
$$;
CREATE TEMP TABLE changes AS
SELECT
    c.step,
    'doc ' || c.step % 7 AS doc_key,
    CASE WHEN c.step % 17 > 0 THEN (c.step / 15 + c.step * 3 % 5 / 4)::bigint END AS doc_version,
    (ARRAY[NULL, 'a', 'b'])[1 + c.step / 28 % 3] AS org_id,
    c.step / 7 % 4 = 3 AS deleted,
    CASE WHEN c.step / 7 % 4 <> 3 THEN jsonb_build_object('n', c.step / 21) END AS payload
FROM generate_series(1, 140) AS c (step);

CREATE TEMP TABLE written AS
SELECT c.step, w.watermark, w.outcome
FROM changes AS c
CROSS JOIN LATERAL khala.sink('pgtap.one_by_one', c.doc_key, c.doc_version, c.payload, c.org_id, c.deleted) AS w;
CREATE TEMP TABLE together AS
SELECT (c.step - 1) / 7 AS round, w.watermarks, w.outcomes
FROM (
    SELECT
        min(g.step) AS step,
        array_agg(g.doc_key ORDER BY g.step) AS doc_keys,
        array_agg(g.doc_version ORDER BY g.step) AS doc_versions,
        array_agg(g.org_id ORDER BY g.step) AS org_ids,
        array_agg(g.payload ORDER BY g.step) AS payloads,
        array_agg(g.deleted ORDER BY g.step) AS deleted
    FROM changes AS g GROUP BY (g.step - 1) / 7 ORDER BY min(g.step)
) AS c
CROSS JOIN LATERAL khala_internal.write_documents(
    'pgtap.together', c.doc_keys, c.doc_versions, c.org_ids, c.payloads, c.deleted
) AS w;

CREATE TEMP TABLE all_at_once AS
SELECT w.watermarks, w.outcomes
FROM (
    SELECT
        array_agg(g.doc_key ORDER BY g.step) AS doc_keys,
        array_agg(g.doc_version ORDER BY g.step) AS doc_versions,
        array_agg(g.org_id ORDER BY g.step) AS org_ids,
        array_agg(g.payload ORDER BY g.step) AS payloads,
        array_agg(g.deleted ORDER BY g.step) AS deleted
    FROM changes AS g
) AS c
CROSS JOIN LATERAL khala_internal.write_documents(
    'pgtap.all_at_once', c.doc_keys, c.doc_versions, c.org_ids, c.payloads, c.deleted
) AS w;

SELECT results_eq(
    $$SELECT t.round * 7 + u.place, u.watermark, u.outcome FROM together AS t
      CROSS JOIN LATERAL unnest(t.watermarks, t.outcomes) WITH ORDINALITY AS u (watermark, outcome, place)
      ORDER BY 1$$,
    'SELECT w.step::bigint, w.watermark, w.outcome FROM written AS w ORDER BY 1', 'the same outcomes and watermarks'
);
SELECT is(
    (SELECT array_agg(DISTINCT w.outcome ORDER BY w.outcome) FROM written AS w),
    ARRAY['applied', 'duplicate', 'rewritten', 'stale_version'], 'all of them occurred'
);
SELECT results_eq(
    $$SELECT u.place, u.watermark, u.outcome FROM all_at_once AS t
      CROSS JOIN LATERAL unnest(t.watermarks, t.outcomes) WITH ORDINALITY AS u (watermark, outcome, place)
      ORDER BY 1$$,
    'SELECT w.step::bigint, w.watermark, w.outcome FROM written AS w ORDER BY 1',
    'and when each document occurs twenty times in one call'
);
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.together' ORDER BY d.doc_key$$,
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.one_by_one' ORDER BY d.doc_key$$,
    'the same read model'
);
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.together' ORDER BY j.watermark$$,
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.one_by_one' ORDER BY j.watermark$$,
    'the same journal'
);
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.all_at_once' ORDER BY d.doc_key$$,
    $$SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.payload, d.payload_hash, d.payload_bytes
      FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.one_by_one' ORDER BY d.doc_key$$,
    'and in one call'
);
SELECT results_eq(
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.all_at_once' ORDER BY j.watermark$$,
    $$SELECT j.watermark, j.doc_key, j.doc_version, j.org_id, j.owner_changed, j.previous_org_id, j.deleted, j.payload,
        j.payload_hash, j.payload_bytes FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.one_by_one' ORDER BY j.watermark$$,
    'and in one call'
);
SELECT is(
    (
        SELECT count(DISTINCT s.head_watermark) FROM runtime.sync_topic_sequences AS s
        WHERE s.topic IN ('pgtap.together', 'pgtap.one_by_one', 'pgtap.all_at_once')
    ), 1::bigint, 'the same head'
);
SELECT is(
    pg_temp.failure(
        $$SELECT khala_internal.write_documents(
            'pgtap.together', ARRAY['x', ''], ARRAY[1, 1], ARRAY[NULL, NULL]::text[], ARRAY['{}', '{}']::jsonb[],
            ARRAY[FALSE, FALSE])$$
    ) -> 'detail' -> 'ordinal', '2', 'an error names the ordinal'
);

-- A trigger of the journal that answers a document with its next version.
CREATE FUNCTION pg_temp.answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.doc_version = 1 THEN
        PERFORM khala.sink(new.topic, new.doc_key, 2, '{}');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER answer AFTER INSERT ON runtime.sync_stream_events FOR EACH ROW EXECUTE FUNCTION pg_temp.answer();
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.answered', p_ownership => 'mixed');
    PERFORM khala_internal.write_documents(
        'pgtap.answered', ARRAY['x', 'y'], ARRAY[1, 1], ARRAY[NULL, NULL]::text[], ARRAY['{}', '{}']::jsonb[],
        ARRAY[FALSE, FALSE]
    );
END
$$;
SELECT results_eq(
    $$SELECT d.doc_key, d.doc_version, d.watermark FROM runtime.sync_documents AS d
      WHERE d.topic = 'pgtap.answered' ORDER BY d.doc_key$$,
    $$SELECT DISTINCT ON (j.doc_key) j.doc_key, j.doc_version, j.watermark FROM runtime.sync_stream_events AS j
      WHERE j.topic = 'pgtap.answered' ORDER BY j.doc_key, j.watermark DESC$$,
    'the read model has what the journal has last, though a trigger of the journal sinks'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
