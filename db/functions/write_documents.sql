-- The write path, once, for one document or many: canonical text and hash first, without any lock; a
-- look at the read model that turns away what would write nothing; then the allocation, which locks the
-- topic; then one statement that decides each document under that lock, appends to the journal and
-- upserts the read model. The lock is thus taken as late as a watermark can be.

CREATE OR REPLACE FUNCTION khala.write_documents(
    p_topic text,
    p_doc_keys text[],
    p_doc_versions bigint[],
    p_org_ids text[],
    p_payloads jsonb[],
    p_deleted boolean[],
    OUT watermarks bigint[],
    OUT outcomes text[]
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning the write costs more than running it, and no plan beats the index look-ups of the generic one.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_topic record;
    v_canonical text[];
    v_hashes bytea[];
    v_refused integer;
    v_largest integer;
    v_expected integer;
    v_written integer;
    v_head bigint;
BEGIN
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned INTO v_topic
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic % is not known', coalesce(quote_literal(left(p_topic, 200)), 'NULL')
            USING ERRCODE = 'KH001',
                HINT = 'Register it with khala.register_topic; khala.topic_stats lists those there are.';
    END IF;

    SELECT
        min(i.ordinality) FILTER (
            WHERE coalesce(length(i.doc_key) NOT BETWEEN 1 AND 512, TRUE)
            OR coalesce(i.doc_version < 0, TRUE)
            OR length(i.org_id) NOT BETWEEN 1 AND 200
            OR (i.org_id IS NOT NULL AND NOT v_topic.owned)
            OR (NOT i.deleted AND coalesce(jsonb_typeof(i.payload) <> 'object', TRUE))
        )
    INTO v_refused
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted)
        WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload, deleted);
    IF v_refused IS NOT NULL THEN
        PERFORM khala.refuse_document(
            v_refused, p_doc_keys[v_refused], p_doc_versions[v_refused], p_org_ids[v_refused],
            p_payloads[v_refused], v_topic.owned
        );
    END IF;

    SELECT
        array_agg(c.canonical ORDER BY c.ordinality),
        array_agg(sha256(convert_to(c.canonical, 'UTF8')) ORDER BY c.ordinality),
        max(octet_length(c.canonical))
    INTO v_canonical, v_hashes, v_largest
    FROM (
        SELECT CASE WHEN NOT i.deleted THEN khala.canonical_json(i.payload) END AS canonical, i.ordinality
        FROM unnest(p_payloads, p_deleted) WITH ORDINALITY AS i (payload, deleted)
    ) AS c;

    IF v_topic.payload_mode = 'inline' AND v_largest > v_topic.inline_limit_bytes THEN
        RAISE EXCEPTION 'a payload has % bytes, topic % takes %', v_largest, p_topic, v_topic.inline_limit_bytes
            USING ERRCODE = 'KH004',
                DETAIL = json_build_object('payload_bytes', v_largest, 'limit', v_topic.inline_limit_bytes),
                HINT = 'Make the document smaller, or let the topic deliver large ones as pointers (payload mode auto).';
    END IF;

    SELECT count(*) INTO v_expected
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, v_hashes, p_deleted)
        AS i (doc_key, doc_version, org_id, payload_hash, deleted)
    LEFT JOIN runtime.sync_documents AS d ON d.topic = p_topic AND d.doc_key = i.doc_key
    WHERE d.doc_key IS NULL
        OR i.doc_version > d.doc_version
        OR (
            i.doc_version = d.doc_version
            AND (
                i.payload_hash IS DISTINCT FROM d.payload_hash
                OR (NOT i.deleted AND i.org_id IS DISTINCT FROM d.org_id)
            )
        );
    -- Others may write between the look above and the allocation. If nothing is to be written as things
    -- stand, that is the answer; otherwise the lock is taken for the expected number, and the count is
    -- put right before anybody can see it.
    v_head := 0;
    IF v_expected > 0 THEN
        v_head := khala.allocate_watermark(p_topic, v_expected);
    END IF;

    WITH judged AS MATERIALIZED (
        SELECT
            i.*,
            coalesce(octet_length(i.canonical), 0) AS payload_bytes,
            CASE
                WHEN d.doc_key IS NULL OR i.doc_version > d.doc_version THEN 'applied'
                WHEN i.doc_version < d.doc_version THEN 'stale_version'
                WHEN
                    i.payload_hash IS DISTINCT FROM d.payload_hash
                    OR (NOT i.deleted AND i.org_id IS DISTINCT FROM d.org_id) THEN 'rewritten'
                ELSE 'duplicate'
            END AS outcome,
            -- A tombstone goes to whoever could see the document, whatever owner the caller names.
            CASE WHEN i.deleted AND d.doc_key IS NOT NULL THEN d.org_id ELSE i.org_id END AS owner_id,
            d.org_id AS previous_org_id,
            coalesce(NOT d.deleted AND NOT i.deleted AND d.org_id IS DISTINCT FROM i.org_id, FALSE)
                AS owner_changed
        FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, v_canonical, v_hashes, p_deleted)
            WITH ORDINALITY
                AS i (doc_key, doc_version, org_id, payload, canonical, payload_hash, deleted, ordinal)
        LEFT JOIN runtime.sync_documents AS d ON d.topic = p_topic AND d.doc_key = i.doc_key
    ),
    written AS MATERIALIZED (
        SELECT j.*, v_head - v_expected + row_number() OVER (ORDER BY j.ordinal) AS watermark
        FROM judged AS j
        WHERE v_expected > 0 AND j.outcome IN ('applied', 'rewritten')
    ),
    journal AS (
        INSERT INTO runtime.sync_stream_events (
            topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
            payload, payload_hash, payload_bytes
        )
        SELECT
            p_topic, w.watermark, w.doc_key, w.doc_version, w.owner_id, w.owner_changed,
            CASE WHEN w.owner_changed THEN w.previous_org_id END, w.deleted,
            CASE
                WHEN v_topic.payload_mode <> 'pointer' AND w.payload_bytes <= v_topic.inline_limit_bytes
                    THEN w.canonical
            END,
            w.payload_hash, w.payload_bytes
        FROM written AS w
        ORDER BY w.watermark
    ),
    model AS (
        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        SELECT
            p_topic, w.doc_key, w.doc_version, w.watermark, w.payload_bytes, w.deleted, w.owner_id,
            w.payload_hash, CASE WHEN NOT w.deleted THEN w.payload END
        FROM written AS w
        ON CONFLICT (doc_key, topic) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload
    )
    SELECT
        array_agg(w.watermark ORDER BY j.ordinal),
        array_agg(
            -- Without the lock nothing may be written: what became writable since the look counts as
            -- arriving before whoever made it so.
            CASE WHEN v_expected = 0 AND j.outcome IN ('applied', 'rewritten') THEN 'duplicate' ELSE j.outcome END
            ORDER BY j.ordinal
        ),
        count(w.watermark)
    INTO watermarks, outcomes, v_written
    FROM judged AS j
    LEFT JOIN written AS w ON w.ordinal = j.ordinal;

    IF v_written <> v_expected THEN
        UPDATE runtime.sync_topic_sequences AS s
        SET head_watermark = s.head_watermark + v_written - v_expected
        WHERE s.topic = p_topic;
    END IF;
END
$$;

COMMENT ON FUNCTION khala.write_documents(text, text[], bigint[], text[], jsonb[], boolean[]) IS
'Internal: the write path behind sink, sink_batch and sink_delete. Arguments: topic; keys, each at most once; versions; owners; payloads; which are tombstones. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007.';
REVOKE ALL ON FUNCTION khala.write_documents(text, text[], bigint[], text[], jsonb[], boolean[]) FROM PUBLIC;
