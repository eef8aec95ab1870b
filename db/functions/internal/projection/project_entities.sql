-- Projector for one entity or many: builds the summaries, compares them with the checkpoints and sinks those that
-- differ, in the caller's transaction. Locks are taken in one order everywhere: entities by id, checkpoints, then
-- the topic in khala.sink_batch, which therefore comes last. A rebuild writes regardless of the checkpoint. It never
-- lowers the version of a document, which no client would accept: where the read model is ahead of the history,
-- versions continue from there by an offset.

CREATE OR REPLACE FUNCTION khala_internal.project_entities(p_kind text, p_ids text[], p_rebuild boolean DEFAULT FALSE)
RETURNS TABLE (id text, watermark bigint, outcome text, reason text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_projection text;
    v_topic text;
    v_version integer := khala.projection_version();
    v_now timestamptz := clock_timestamp();
    v_decided jsonb;
BEGIN
    SELECT p.projection, p.topic INTO v_projection, v_topic FROM khala_internal.projection_of(p_kind) AS p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entity kind % is not known', coalesce(quote_literal(left(p_kind, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use run or codex_worker.';
    END IF;

    PERFORM e.id FROM runtime.entities AS e
    WHERE e.kind = p_kind AND e.id = ANY (p_ids)
    ORDER BY e.id
    FOR NO KEY UPDATE;

    WITH compared AS (
        SELECT s.id, s.org_id, s.latest_seq, s.summary, s.heartbeat_s, h.hash, c.last_seq, c.projection_version, c.summary_hash,
            CASE
                WHEN p_rebuild THEN greatest(0, (
                    SELECT d.doc_version - s.latest_seq
                    FROM runtime.sync_documents AS d
                    WHERE d.topic = v_topic AND d.doc_key = s.summary ->> 'document_id'
                ))
                ELSE coalesce(c.version_offset, 0)
            END AS version_offset
        FROM khala_internal.summarize_entities(p_kind, p_ids) AS s
        CROSS JOIN LATERAL khala.payload_hash(s.summary) AS h (hash)
        LEFT JOIN runtime.projection_checkpoints AS c ON c.projection = v_projection AND c.entity_id = s.id
    ),
    judged AS (
        SELECT d.*,
            CASE
                WHEN p_rebuild THEN 'rebuilt'
                WHEN d.last_seq IS NULL OR d.latest_seq > d.last_seq THEN 'new_events'
                WHEN d.latest_seq < d.last_seq THEN 'checkpoint_ahead'
                WHEN d.projection_version <> v_version THEN 'projection_version'
                WHEN d.hash <> d.summary_hash THEN 'drift'
                ELSE 'unchanged'
            END AS reason
        FROM compared AS d
    )
    SELECT jsonb_agg(
        jsonb_build_object(
            'id', j.id, 'reason', j.reason, 'latest_seq', j.latest_seq, 'hash', encode(j.hash, 'hex'),
            'org_id', j.org_id, 'summary', j.summary, 'version_offset', j.version_offset, 'heartbeat_s', j.heartbeat_s
        ) ORDER BY j.id
    )
    INTO v_decided
    FROM judged AS j;

    INSERT INTO runtime.projection_checkpoints AS c (
        projection, entity_id, last_seq, drift_count, version_offset, updated_at, projection_version, summary_hash,
        heartbeat_s
    )
    SELECT v_projection, d.id, d.latest_seq, (d.reason = 'drift')::integer, d.version_offset, v_now, v_version,
        decode(d.hash, 'hex'), d.heartbeat_s
    FROM jsonb_to_recordset(v_decided)
        AS d (id text, reason text, latest_seq bigint, version_offset bigint, hash text, heartbeat_s numeric)
    WHERE d.reason NOT IN ('unchanged', 'checkpoint_ahead')
    ON CONFLICT (projection, entity_id) DO UPDATE SET
    last_seq = excluded.last_seq,
    drift_count = CASE WHEN p_rebuild THEN 0 ELSE c.drift_count + excluded.drift_count END,
    version_offset = excluded.version_offset,
    updated_at = excluded.updated_at,
    projection_version = excluded.projection_version,
    summary_hash = excluded.summary_hash,
    heartbeat_s = excluded.heartbeat_s;

    RETURN QUERY
    SELECT d.id, NULL::bigint, 'skipped', d.reason
    FROM jsonb_to_recordset(v_decided) AS d (id text, reason text)
    WHERE d.reason IN ('unchanged', 'checkpoint_ahead');

    SELECT jsonb_agg(d.value) INTO v_decided
    FROM jsonb_array_elements(v_decided) AS d
    WHERE d.value ->> 'reason' NOT IN ('unchanged', 'checkpoint_ahead');
    IF v_decided IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT d.id, s.watermark,
        CASE WHEN s.outcome IN ('duplicate', 'stale_version') THEN 'skipped' ELSE s.outcome END,
        CASE s.outcome WHEN 'stale_version' THEN 'read_model_ahead' WHEN 'duplicate' THEN 'unchanged' ELSE d.reason END
    FROM khala.sink_batch(
        v_topic,
        (
            SELECT jsonb_agg(jsonb_build_object(
                'doc_key', w.summary -> 'document_id',
                'doc_version', w.latest_seq + w.version_offset,
                'org_id', w.org_id,
                'payload', w.summary || jsonb_build_object('projected_at', khala_internal.iso_timestamp(v_now))
            ) ORDER BY w.id)
            FROM jsonb_to_recordset(v_decided)
                AS w (id text, latest_seq bigint, version_offset bigint, org_id text, summary jsonb)
        )
    ) AS s
    INNER JOIN jsonb_to_recordset(v_decided) AS d (id text, reason text, summary jsonb)
        ON s.doc_key = d.summary ->> 'document_id';
END
$$;

COMMENT ON FUNCTION khala_internal.project_entities(text, text[], boolean) IS
'Projects the summaries of some entities. Arguments: entity kind, ids (unknown ones are left out), whether to write them regardless of the checkpoints. Result: per entity the watermark (NULL when nothing was written), outcome applied, rewritten (same sequence, other summary) or skipped, and the reason: new_events; drift, projection_version; rebuilt; unchanged, checkpoint_ahead, read_model_ahead. Errors: KH007 unknown kind, and those of khala.sink_batch.';
REVOKE ALL ON FUNCTION khala_internal.project_entities(text, text[], boolean) FROM public;
