-- Where a page of replay ends. Only the sizes of its rows are read here, so that its text can be made in a
-- second pass of exactly the rows that fit: carrying whole rows through a window costs more than both.

CREATE OR REPLACE FUNCTION khala_internal.page_until(
    p_topic text,
    p_after bigint,
    p_until bigint,
    p_org_id text,
    p_max_updates integer,
    p_max_bytes integer
)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_rows integer;
    v_bytes bigint;
    v_last bigint;
BEGIN
    SELECT count(*), coalesce(sum(r.bytes), 0), max(r.watermark)
    INTO v_rows, v_bytes, v_last
    FROM (
        SELECT u.watermark, u.bytes
        FROM khala_internal.page_rows(p_topic, p_after, p_until, p_org_id) AS u
        ORDER BY u.watermark
        LIMIT p_max_updates + 1
    ) AS r;
    IF v_bytes <= p_max_bytes OR v_rows = 1 THEN
        RETURN CASE WHEN v_rows > p_max_updates THEN v_last - 1 ELSE p_until END;
    END IF;
    -- One page in thousands is cut by its bytes. Its end is before the first row that does not fit.
    RETURN (
        SELECT min(m.watermark) - 1
        FROM (
            SELECT u.watermark, row_number() OVER w AS place, sum(u.bytes) OVER w AS bytes
            FROM khala_internal.page_rows(p_topic, p_after, v_last, p_org_id) AS u
            WINDOW w AS (ORDER BY u.watermark)
        ) AS m
        WHERE m.place > 1 AND (m.place > p_max_updates OR m.bytes > p_max_bytes)
    );
END
$$;

COMMENT ON FUNCTION khala_internal.page_until(text, bigint, bigint, text, integer, integer) IS
'Internal: the last watermark of a page for one organisation. Arguments: the topic''s own name; cursor; highest watermark to look at; organisation; most updates; most bytes, though never less than one update. Result: a watermark. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.page_until(text, bigint, bigint, text, integer, integer) FROM public;
