-- Bounds of a page of replay, in either format. The watermarks of a topic are contiguous, so a range of them bounds
-- the rows read, whatever the size of the journal and however few of its rows the subscriber may see. Only sizes are
-- read here; a second pass makes the page from exactly the rows that fit, because carrying whole rows through a
-- window costs more than both passes.

CREATE OR REPLACE FUNCTION khala_internal.open_page(
    p_topic text,
    p_after bigint,
    p_org_id text,
    p_max_updates integer,
    p_max_bytes integer,
    p_epoch text,
    p_compact boolean,
    p_subset jsonb,
    OUT topic text,
    OUT after bigint,
    OUT until bigint,
    OUT head_watermark bigint,
    OUT kept bigint[],
    OUT lengths integer[],
    OUT marks jsonb
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_cursor record;
    v_until bigint;
    v_compact boolean := FALSE;
    v_rows integer;
    v_bytes bigint;
    v_last bigint;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    IF p_subset IS NOT NULL THEN
        lengths := khala_internal.subset_lengths(p_subset);
        marks := p_subset -> 'marks';
    END IF;
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    topic := v_cursor.topic;
    after := v_cursor.after;
    head_watermark := v_cursor.head_watermark;
    v_until := least(v_cursor.head_watermark, v_cursor.after + greatest(5000, p_max_updates));

    IF p_compact THEN
        -- A look-up of a version in the read model costs 1.2 µs, sending it 3: a sample of the next 200 decides
        -- whether that is worth it. Without the sample, a page of which nothing can be left out costs twice as much.
        -- Every 23rd, a prime: every 25th was in step with a writer of five documents in turn.
        SELECT count(*) FILTER (WHERE d.watermark > j.watermark) * 2 >= count(*) INTO v_compact
        FROM generate_series(
            v_cursor.after + 1, least(v_until, v_cursor.after + 200),
            greatest(1, (least(v_until, v_cursor.after + 200) - v_cursor.after) * 23 / 200)
        ) AS s (watermark)
        INNER JOIN runtime.sync_stream_events AS j ON j.topic = v_cursor.topic AND j.watermark = s.watermark
        LEFT JOIN runtime.sync_documents AS d ON d.topic = v_cursor.topic AND d.doc_key = j.doc_key;
    END IF;

    SELECT count(*), coalesce(sum(r.bytes), 0), max(r.watermark), array_agg(r.watermark) FILTER (WHERE v_compact)
    INTO v_rows, v_bytes, v_last, open_page.kept
    FROM (
        SELECT u.watermark, u.bytes
        FROM khala_internal.page_rows(v_cursor.topic, v_cursor.after, v_until, p_org_id, v_compact, lengths, marks) AS u
        ORDER BY u.watermark
        LIMIT p_max_updates + 1
    ) AS r;
    IF v_rows > p_max_updates THEN
        v_until := v_last - 1;
    END IF;
    IF v_bytes > p_max_bytes AND v_rows > 1 THEN
        -- One page in thousands is cut by its bytes. It ends before the first row that does not fit.
        SELECT coalesce(min(m.watermark) - 1, v_until) INTO v_until
        FROM (
            SELECT u.watermark, row_number() OVER w AS place, sum(u.bytes) OVER w AS bytes
            FROM khala_internal.page_rows(v_cursor.topic, v_cursor.after, v_until, p_org_id, v_compact, lengths, marks) AS u
            WINDOW w AS (ORDER BY u.watermark)
        ) AS m
        WHERE m.place > 1 AND m.bytes > p_max_bytes;
    END IF;
    until := v_until;
    IF v_compact THEN
        after := coalesce(kept[1] - 1, v_until);
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.open_page(text, bigint, text, integer, integer, text, boolean, jsonb) IS
'Internal: bounds of a page of replay for one organisation. Arguments: as khala.replay. Result: the topic''s own name; the watermark it begins after and its last one; head; when rows are left out, the watermarks of those that remain, possibly more than fit, else null; lengths and marks of the subset, null for all keys. Errors: as khala.replay.';
REVOKE ALL ON FUNCTION khala_internal.open_page(text, bigint, text, integer, integer, text, boolean, jsonb) FROM public;
