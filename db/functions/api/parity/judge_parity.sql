-- Compares what the legacy backend holds with what Khala held. Updates go on meanwhile: the legacy backend is right when
-- it holds what Khala held at the start of the cycle or at any moment since. What is not right at the first look may
-- be on its way, so only the last look records a mismatch: the caller reads those documents once more before it.
-- The journal says whether an older document is what Khala once held under its version. It has no index by document:
-- its last 10000 rows of each topic are read, once for all documents of a call.

CREATE OR REPLACE FUNCTION khala.judge_parity(p_cycle bigint, p_documents jsonb, p_last boolean)
RETURNS TABLE (
    topic text, doc_key text, reason text, drift numeric, khala_version bigint, legacy_seq numeric,
    khala_hash text, legacy_hash text, detail text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_judged jsonb;
BEGIN
    IF p_last IS NULL OR p_documents IS NULL OR jsonb_typeof(p_documents) <> 'array' THEN
        RAISE EXCEPTION 'p_documents is not an array, or p_last is NULL'
            USING ERRCODE = 'KH007', HINT = 'Pass an array of {"topic", "doc_key", "summary"}, and FALSE or TRUE.';
    END IF;
    IF EXISTS (
        SELECT FROM jsonb_array_elements(p_documents) AS d
        WHERE jsonb_typeof(d.value -> 'topic') IS DISTINCT FROM 'string'
            OR jsonb_typeof(d.value -> 'doc_key') IS DISTINCT FROM 'string'
            OR d.value -> 'summary' IS NULL
    ) THEN
        RAISE EXCEPTION 'p_documents has an item without topic, doc_key or summary'
            USING ERRCODE = 'KH007', HINT = 'A document that the legacy backend does not have is {"summary": null}.';
    END IF;
    PERFORM c.cycle FROM runtime.parity_cycles AS c
    WHERE c.cycle = p_cycle AND c.finished_at IS NULL
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'parity cycle % is not running', coalesce(p_cycle::text, 'NULL')
            USING ERRCODE = 'KH009', HINT = 'Start one with khala.start_parity_cycle; one that is older than an hour ends.';
    END IF;

    WITH waiting AS (
        SELECT DISTINCT ON (s.topic, s.doc_key)
            s.topic, s.doc_key, s.watermark, s.seq, s.bare_hash, g.summary,
            g.summary IS NOT NULL AS is_found,
            CASE WHEN jsonb_typeof(g.summary -> 'latest_seq') = 'number' THEN (g.summary -> 'latest_seq')::numeric END AS legacy_seq
        FROM jsonb_to_recordset(p_documents) AS g (topic text, doc_key text, summary jsonb)
        INNER JOIN runtime.parity_samples AS s ON s.cycle = p_cycle AND g.topic = s.topic AND g.doc_key = s.doc_key
    ),
    looked AS MATERIALIZED (
        SELECT
            w.topic, w.doc_key, w.watermark, w.seq, w.bare_hash, w.is_found, w.legacy_seq,
            h.bare_hash AS legacy_hash, h.payload_hash AS legacy_payload_hash,
            n.is_projected AND NOT n.is_stored AS is_lost,
            n.is_stored AND NOT n.is_deleted AS is_alive,
            n.doc_version, n.seq AS seq_now, n.bare_hash AS khala_hash, n.fault,
            greatest(0, n.latest_seq - n.seq) AS khala_drift,
            coalesce(h.bare_hash IN (w.bare_hash, n.bare_hash), FALSE) AS is_same
        FROM waiting AS w
        CROSS JOIN LATERAL khala_internal.parity_hashes(w.summary) AS h
        INNER JOIN khala_internal.parity_look(
            (SELECT array_agg(a.topic ORDER BY a.topic, a.doc_key) FROM waiting AS a),
            (SELECT array_agg(a.doc_key ORDER BY a.topic, a.doc_key) FROM waiting AS a)
        ) AS n ON w.topic = n.topic AND w.doc_key = n.doc_key
    ),
    retained AS MATERIALIZED (
        SELECT e.topic, e.doc_key, e.payload_hash, max(e.watermark) AS watermark, max(e.doc_version) AS doc_version
        FROM runtime.sync_topic_sequences AS q
        INNER JOIN runtime.sync_stream_events AS e ON q.topic = e.topic AND e.watermark > q.head_watermark - 10000
        WHERE q.topic IN (SELECT l.topic FROM looked AS l WHERE l.is_found AND NOT l.is_same)
            AND (e.topic, e.doc_key, e.payload_hash) IN (
                SELECT l.topic, l.doc_key, l.legacy_payload_hash FROM looked AS l WHERE l.is_found AND NOT l.is_same
            )
        GROUP BY e.topic, e.doc_key, e.payload_hash
    ),
    compared AS (
        SELECT
            l.*,
            l.is_same OR coalesce(r.watermark > l.watermark, FALSE) AS is_current,
            r.watermark < l.watermark AS is_older,
            r.doc_version AS older_version,
            -- Of what Khala held from the start until now, the legacy backend has neither this nor anything in between.
            CASE
                WHEN l.is_same OR r.watermark > l.watermark OR NOT l.is_found THEN 0
                WHEN r.watermark < l.watermark
                    THEN greatest(0, coalesce(l.seq, l.seq_now) - coalesce(l.legacy_seq, r.doc_version))
                ELSE greatest(0, coalesce(l.seq, l.seq_now) - l.legacy_seq, l.legacy_seq - greatest(l.seq, l.seq_now))
            END AS legacy_drift
        FROM looked AS l
        LEFT JOIN retained AS r
            ON l.topic = r.topic AND l.doc_key = r.doc_key AND l.legacy_payload_hash = r.payload_hash
    ),
    told AS (
        SELECT
            c.*,
            greatest(c.khala_drift, c.legacy_drift) AS drift,
            c.fault IS NOT NULL OR NOT (c.is_current OR coalesce(c.is_older, FALSE) AND c.legacy_drift > 0) AS is_other
        FROM compared AS c
    ),
    judged AS (
        SELECT
            t.*,
            CASE
                WHEN t.is_lost THEN 'khala_missing'
                WHEN NOT t.is_found AND (t.seq IS NULL OR NOT t.is_alive) THEN 'none'
                WHEN NOT t.is_found THEN 'legacy_missing'
                WHEN NOT t.is_alive AND NOT t.is_current THEN 'khala_missing'
                WHEN t.is_other AND t.drift > 0 THEN 'hash_and_lag_drift'
                WHEN t.is_other THEN 'hash_mismatch'
                WHEN t.drift > 0 THEN 'lag_drift'
                ELSE 'none'
            END AS reason,
            CASE
                WHEN t.is_lost THEN 'the projection has a checkpoint and Khala no document'
                WHEN NOT t.is_found THEN NULL
                WHEN NOT t.is_alive THEN 'the document is deleted in Khala'
                WHEN t.fault IS NOT NULL THEN t.fault
                WHEN t.legacy_hash IS NULL THEN 'the legacy document is no I-JSON object'
                WHEN t.is_older THEN format('the legacy document is what Khala held as version %s', t.older_version)
                WHEN t.legacy_seq > greatest(t.seq, t.seq_now) THEN 'the legacy document is ahead of Khala'
                WHEN t.khala_drift > 0 THEN 'the document in Khala is behind its history'
            END AS detail
        FROM told AS t
    )
    SELECT jsonb_agg(jsonb_build_object(
        'topic', j.topic, 'doc_key', j.doc_key, 'reason', j.reason,
        'drift', CASE WHEN j.reason IN ('lag_drift', 'hash_and_lag_drift') THEN j.drift ELSE 0 END,
        'khala_version', j.doc_version, 'legacy_seq', j.legacy_seq,
        'khala_hash', encode(j.khala_hash, 'hex'), 'legacy_hash', encode(j.legacy_hash, 'hex'),
        'detail', CASE WHEN j.reason <> 'none' THEN j.detail END
    ) ORDER BY j.topic, j.doc_key)
    INTO v_judged
    FROM judged AS j;

    -- What another call has judged meanwhile is no longer there, and is left out.
    WITH verdicts AS (
        SELECT v.* FROM jsonb_to_recordset(v_judged) AS v (topic text, doc_key text, reason text, drift numeric)
        WHERE p_last OR v.reason = 'none'
    ),
    settled AS (
        DELETE FROM runtime.parity_samples AS s
        USING verdicts AS v
        WHERE s.cycle = p_cycle AND s.topic = v.topic AND s.doc_key = v.doc_key
        RETURNING v.topic, v.doc_key, v.reason, v.drift
    ),
    counted AS (
        INSERT INTO runtime.parity_counts AS c (cycle, topic, reason, drift, documents)
        SELECT p_cycle, s.topic, s.reason, s.drift, count(*) FROM settled AS s
        GROUP BY s.topic, s.reason, s.drift
        ORDER BY s.topic, s.reason, s.drift
        ON CONFLICT (cycle, topic, reason, drift) DO UPDATE SET documents = c.documents + excluded.documents
    )
    INSERT INTO runtime.parity_mismatches (
        cycle, topic, doc_key, reason, drift, khala_version, legacy_seq, khala_hash, legacy_hash, detail
    )
    SELECT
        p_cycle, s.topic, s.doc_key, s.reason, s.drift, v.khala_version, v.legacy_seq,
        decode(v.khala_hash, 'hex'), decode(v.legacy_hash, 'hex'), v.detail
    FROM settled AS s
    INNER JOIN jsonb_to_recordset(v_judged) AS v (
        topic text, doc_key text, khala_version bigint, legacy_seq numeric, khala_hash text, legacy_hash text, detail text
    ) ON s.topic = v.topic AND s.doc_key = v.doc_key
    WHERE s.reason <> 'none'
    ORDER BY s.topic, s.doc_key
    LIMIT 100;

    RETURN QUERY
    SELECT
        v.topic, v.doc_key, v.reason, v.drift, v.khala_version, v.legacy_seq,
        'sha256:' || v.khala_hash, 'sha256:' || v.legacy_hash, v.detail
    FROM jsonb_to_recordset(v_judged) AS v (
        topic text, doc_key text, reason text, drift numeric, khala_version bigint, legacy_seq numeric,
        khala_hash text, legacy_hash text, detail text
    );
END
$$;

COMMENT ON FUNCTION khala.judge_parity(bigint, jsonb, boolean) IS
'Compares documents of the legacy backend with Khala''s. Arguments: number of a running cycle; array of {"topic", "doc_key", "summary"}, summary being what the legacy backend holds, null for nothing; whether this is the last look, which records every verdict (the first records only none). Result: per document of the sample that has no recorded verdict yet: reason (none, khala_missing, legacy_missing, hash_mismatch, lag_drift, hash_and_lag_drift), drift in sequence numbers, version in Khala, latest_seq in the legacy document, hashes of both payloads without projected_at, and what is known besides. Call it in a transaction of its own, after reading the documents. Errors: KH007; KH009 the cycle is not running.';
REVOKE ALL ON FUNCTION khala.judge_parity(bigint, jsonb, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.judge_parity(bigint, jsonb, boolean) TO khala_dba;
