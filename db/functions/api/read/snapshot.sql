-- One page of the read model, from which a client starts. The watermark of the first page is read in the same
-- snapshot as its documents, and later pages are never older: a client that reads all pages and subscribes from that
-- watermark misses nothing, because replay sends all later changes. No lock is taken. The newest documents are one page, in the
-- order of their last change: those for which it has no room are pointers, so that none is left out.

CREATE OR REPLACE FUNCTION khala.snapshot(
    p_topic text,
    p_org_id text,
    p_after_doc_key text DEFAULT NULL,
    p_limit integer DEFAULT 200,
    p_watermark bigint DEFAULT NULL,
    p_max_bytes integer DEFAULT 2097152,
    p_subset jsonb DEFAULT NULL,
    p_newest boolean DEFAULT FALSE
)
RETURNS TABLE (page text, next_doc_key text, watermark bigint, complete boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
-- Planning a page takes longer than reading it, and one plan suits all; compiling it takes even longer.
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_cursor record;
    v_limit integer;
    v_after text := coalesce(p_after_doc_key, '');
    v_subset jsonb := p_subset;
    v_lengths integer[] := CASE WHEN p_subset IS NOT NULL THEN khala_internal.subset_lengths(p_subset) END;
    v_newest boolean := coalesce(p_newest, FALSE);
BEGIN
    PERFORM khala_internal.check_page_limits(p_limit, p_max_bytes);
    -- Pages with a watermark that no client can subscribe from are useless: the client starts again.
    v_cursor := khala_internal.open_cursor(p_topic, p_watermark, NULL);
    watermark := coalesce(p_watermark, v_cursor.head_watermark);
    SELECT t.inline_limit_bytes INTO v_limit FROM runtime.sync_topics AS t WHERE t.topic = v_cursor.topic;

    IF v_newest THEN
        IF p_after_doc_key IS NOT NULL OR p_watermark IS NOT NULL THEN
            RAISE EXCEPTION 'the newest documents have no further page'
                USING ERRCODE = 'KH007', HINT = 'Leave after_doc_key and watermark out, or raise the limit.';
        END IF;
        v_subset := khala_internal.make_subset(
            khala_internal.newest_keys(v_cursor.topic, v_cursor.head_watermark, p_org_id, p_limit, p_subset), TRUE
        );
    END IF;

    -- Ranges do not overlap, so their keys are in order when they are, and the first ones are enough: of 500 prefixes a
    -- page of 1,000 documents takes 15 ms so, and 220 when each gives as many as a page holds.
    WITH found AS (
        (
            SELECT o.*
            FROM (
                SELECT r.* FROM khala_internal.subset_ranges(v_subset) AS r
                WHERE r.last_key COLLATE "C" > v_after
                ORDER BY r.first_key COLLATE "C"
            ) AS g
            CROSS JOIN LATERAL (
                SELECT d.* FROM runtime.sync_documents AS d
                WHERE d.topic = v_cursor.topic AND d.org_id = p_org_id AND d.doc_key > v_after AND NOT d.deleted
                    AND d.doc_key BETWEEN g.first_key AND g.last_key
                ORDER BY d.doc_key
                LIMIT p_limit + 1
            ) AS o
            ORDER BY g.first_key COLLATE "C", o.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT o.*
            FROM (
                SELECT r.* FROM khala_internal.subset_ranges(v_subset) AS r
                WHERE r.last_key COLLATE "C" > v_after
                ORDER BY r.first_key COLLATE "C"
            ) AS g
            CROSS JOIN LATERAL (
                SELECT d.* FROM runtime.sync_documents AS d
                WHERE d.topic = v_cursor.topic AND d.org_id IS NULL AND d.doc_key > v_after AND NOT d.deleted
                    AND d.doc_key BETWEEN g.first_key AND g.last_key
                ORDER BY d.doc_key
                LIMIT p_limit + 1
            ) AS o
            ORDER BY g.first_key COLLATE "C", o.doc_key
            LIMIT p_limit + 1
        )
    ),
    visible AS (
        SELECT f.*, CASE WHEN v_newest THEN -f.watermark ELSE 0 END AS age
        FROM found AS f
        WHERE v_lengths IS NULL OR EXISTS (SELECT FROM khala_internal.key_marks(f.doc_key, v_lengths, p_subset -> 'marks'))
    ),
    measured AS (
        SELECT v.*, row_number() OVER w AS place,
            sum(khala_internal.row_bytes(
                v.doc_key, CASE WHEN v.payload_bytes <= v_limit THEN v.payload_bytes + v.payload_bytes / 2 END
            )) OVER w AS bytes
        FROM visible AS v
        WINDOW w AS (ORDER BY v.age, v.doc_key ROWS UNBOUNDED PRECEDING)
    ),
    cut AS (
        SELECT m.*, m.place = 1 OR (m.place <= p_limit AND m.bytes <= p_max_bytes) AS fits
        FROM measured AS m
        WHERE m.place <= p_limit + 1
        ORDER BY m.place
    ),
    -- A step for each: a function is inlined only where an argument that it uses twice is simple.
    printed AS (
        SELECT c.*, CASE WHEN c.fits AND c.payload_bytes <= v_limit THEN c.payload::text END AS printed
        FROM cut AS c
        OFFSET 0
    ),
    carried AS (
        SELECT p.doc_key, p.doc_version, p.watermark, p.payload_hash, p.fits OR v_newest AS fits,
            khala_internal.payload_text(p.printed, p.payload, p.payload_bytes) AS payload
        FROM printed AS p
        OFFSET 0
    )
    SELECT
        '{"topic":"' || p_topic || '","epoch":' || to_json(khala.current_epoch())::text
        || ',"watermark":' || khala_internal.wire_integer(snapshot.watermark) || ',"documents":['
        || coalesce(string_agg(
            khala_internal.update_text(
                p_topic, c.doc_key, c.doc_version, c.watermark, c.payload_hash, FALSE, c.payload
            ), ','
        ) FILTER (WHERE c.fits), '') || ']',
        max(c.doc_key) FILTER (WHERE c.fits),
        coalesce(bool_and(c.fits), TRUE)
    INTO page, next_doc_key, complete
    FROM carried AS c;

    IF complete THEN
        next_doc_key := NULL;
    END IF;
    page := page || ',"next_doc_key":' || coalesce(to_json(next_doc_key)::text, 'null')
        || ',"complete":' || complete::text || '}';
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.snapshot(text, text, text, integer, bigint, integer, jsonb, boolean) IS
'One page of the read model in document key order. Arguments: topic, either name; organisation, null sees public documents only; key to continue after, null for the first page; limit of documents; watermark of the first page, null on the first page; limit of bytes, which one document may exceed alone; subset of the keys, from khala.check_cursors, null for all; whether to read the documents that changed last, newest first, as one page, where documents beyond the limit of bytes are pointers. Result: the page as JSON, the key to continue after, the watermark to subscribe from, whether it is the last page. Errors: KH001, KH002 or KH003 when the watermark of the first page can no longer be subscribed from, KH007.';
REVOKE ALL ON FUNCTION khala.snapshot(text, text, text, integer, bigint, integer, jsonb, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.snapshot(text, text, text, integer, bigint, integer, jsonb, boolean) TO khala_relay;
