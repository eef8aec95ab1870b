-- Versions of a document from the journal, newest first, a page at a time. The journal has no index of keys, which
-- every writer would pay for: the newest version is found by its watermark, and for those before it a page looks at no
-- more than 20000 rows.

CREATE OR REPLACE FUNCTION khala.admin_history(
    p_org_id text, p_scopes text[], p_topic text, p_doc_key text, p_before bigint DEFAULT NULL, p_limit integer DEFAULT 50
)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_org_id text := khala_internal.admin_organisation(p_org_id, p_scopes);
    v_look CONSTANT bigint := 20000;
    v_floor bigint;
    v_document runtime.sync_documents;
    v_newest bigint;
    v_until bigint;
    v_from bigint;
    v_versions json;
    v_last bigint;
    v_is_cut boolean;
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL') USING ERRCODE = 'KH007', HINT = 'Use 1 to 200.';
    END IF;
    SELECT r.retention_floor INTO v_floor
    FROM runtime.sync_topics AS t
    INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
    WHERE t.topic = p_topic;
    IF NOT found THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    SELECT d.* INTO v_document
    FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic AND d.doc_key = p_doc_key;
    v_newest := v_document.watermark;
    IF v_org_id IS NOT NULL AND (v_newest IS NULL OR v_document.org_id <> v_org_id) THEN
        -- Where the journal is looked at must not say whether, and when, another organisation changed it.
        SELECT s.head_watermark INTO v_newest FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic;
    END IF;
    -- Exclusive.
    v_until := least(coalesce(p_before, v_newest + 1), v_newest + 1);
    v_from := greatest(v_floor, v_until - v_look);

    WITH versions AS (
        SELECT e.watermark, e.doc_version, e.org_id, e.deleted, e.inserted_at, e.payload_bytes,
            -- In pointer mode the read model has the payload of the newest.
            coalesce(e.payload::json, CASE WHEN e.watermark = v_document.watermark THEN v_document.payload::json END) AS payload
        FROM runtime.sync_stream_events AS e
        WHERE e.topic = p_topic AND e.watermark >= v_from AND e.watermark < v_until AND e.doc_key = p_doc_key
        UNION ALL
        -- Retention purges the newest version too, and the read model keeps it.
        SELECT v_document.watermark, v_document.doc_version, v_document.org_id, v_document.deleted,
            v_document.updated_at, v_document.payload_bytes, v_document.payload::json
        WHERE v_document.watermark < least(v_floor, v_until)
    ),
    visible AS (
        SELECT v.*, row_number() OVER w AS place, sum(v.payload_bytes) OVER w AS bytes
        FROM versions AS v
        WHERE v_org_id IS NULL OR v.org_id = v_org_id OR v.org_id IS NULL
        WINDOW w AS (ORDER BY v.watermark DESC ROWS UNBOUNDED PRECEDING)
        ORDER BY v.watermark DESC
        LIMIT p_limit + 1
    ),
    cut AS (
        SELECT v.*, v.place = 1 OR (v.place <= p_limit AND v.bytes <= 2097152) AS fits
        FROM visible AS v
    )
    SELECT
        json_agg(
            json_build_object(
                'watermark', khala_internal.wire_integer(c.watermark)::json,
                'doc_version', khala_internal.wire_integer(c.doc_version)::json,
                'org_id', nullif(c.org_id, ''),
                'deleted', c.deleted,
                'inserted_at', khala_internal.iso_timestamp(c.inserted_at),
                'payload', c.payload,
                'payload_bytes', c.payload_bytes
            )
            ORDER BY c.watermark DESC
        ) FILTER (WHERE c.fits),
        min(c.watermark) FILTER (WHERE c.fits),
        coalesce(bool_or(NOT c.fits), FALSE)
    INTO v_versions, v_last, v_is_cut
    FROM cut AS c;

    IF NOT v_is_cut THEN
        v_last := CASE WHEN v_from > v_floor THEN v_from END;
    END IF;
    RETURN json_build_object(
        'versions', coalesce(v_versions, '[]'),
        'retention_floor', khala_internal.wire_integer(v_floor)::json,
        'next', khala_internal.wire_integer(v_last)::json
    );
END
$$;

COMMENT ON FUNCTION khala.admin_history(text, text[], text, text, bigint, integer) IS
'Versions of a document for administrators, newest first, from the journal. Arguments: organisation and scopes of the token; topic; key; next of the page before, null for the first; most versions of a page, 1 to 200. Result: {"versions": [{"watermark", "doc_version", "org_id", "deleted", "inserted_at", "payload" (null: the journal does not have it), "payload_bytes"}], "retention_floor", "next"}; next is null on the last page; a page may be short or empty before that; no version for an unknown document. Errors: KH001, KH007, KH025.';
REVOKE ALL ON FUNCTION khala.admin_history(text, text[], text, text, bigint, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_history(text, text[], text, text, bigint, integer) TO khala_relay;
