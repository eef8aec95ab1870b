-- Documents of a topic in the order of their keys, tombstones too, a page at a time of about 2 MiB at most. Those of an
-- organisation, and public ones, are read by their owner: what others have makes a page neither slower nor shorter, and
-- none of their keys is the place where the next one begins.

CREATE OR REPLACE FUNCTION khala.admin_documents(
    p_org_id text,
    p_scopes text[],
    p_topic text,
    p_owner text DEFAULT NULL,
    p_prefix text DEFAULT NULL,
    p_after text DEFAULT NULL,
    p_limit integer DEFAULT 200,
    p_payloads boolean DEFAULT TRUE
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
    v_prefix text := coalesce(p_prefix, '');
    v_owner text := CASE WHEN p_owner <> '' OR p_owner IS NULL THEN coalesce(p_owner, v_org_id) END;
    v_is_public boolean := coalesce(p_owner = '', v_org_id IS NOT NULL);
    v_after text := coalesce(p_after, '');
    v_page json;
    v_last text;
    v_is_cut boolean;
BEGIN
    IF coalesce(p_limit NOT BETWEEN 1 AND CASE WHEN p_payloads THEN 1000 ELSE 10000 END, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 1000, or to 10000 without payloads.';
    END IF;
    IF NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = p_topic) THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF p_owner <> v_org_id AND p_owner <> '' THEN
        RAISE EXCEPTION 'the token is not for organisation %', quote_literal(left(p_owner, 200))
            USING ERRCODE = 'KH025', HINT = 'Leave org_id out, or make a token for that organisation.';
    END IF;

    WITH looked AS (
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE v_owner IS NULL AND NOT v_is_public AND d.topic = p_topic AND d.doc_key > v_after AND d.doc_key >= v_prefix
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE d.topic = p_topic AND d.org_id = v_owner AND NOT d.deleted AND d.doc_key > v_after AND d.doc_key >= v_prefix
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE d.topic = p_topic AND d.org_id = v_owner AND d.deleted AND d.doc_key > v_after AND d.doc_key >= v_prefix
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE v_is_public AND d.topic = p_topic AND d.org_id IS NULL AND NOT d.deleted AND d.doc_key > v_after AND d.doc_key >= v_prefix
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE v_is_public AND d.topic = p_topic AND d.org_id IS NULL AND d.deleted AND d.doc_key > v_after AND d.doc_key >= v_prefix
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
    ),
    visible AS (
        SELECT l.*, row_number() OVER w AS place, sum(l.payload_bytes) OVER w AS bytes
        FROM looked AS l
        WHERE starts_with(l.doc_key, v_prefix)
        WINDOW w AS (ORDER BY l.doc_key ROWS UNBOUNDED PRECEDING)
        ORDER BY l.doc_key
        LIMIT p_limit + 1
    ),
    cut AS (
        SELECT v.*, v.place = 1 OR (v.place <= p_limit AND (v.bytes <= 2097152 OR NOT p_payloads)) AS fits
        FROM visible AS v
    )
    SELECT
        json_agg(
            json_build_object(
                'doc_key', c.doc_key,
                'doc_version', khala_internal.wire_integer(c.doc_version)::json,
                'org_id', nullif(c.org_id, ''),
                'deleted', c.deleted,
                'watermark', khala_internal.wire_integer(c.watermark)::json,
                'updated_at', khala_internal.iso_timestamp(c.updated_at),
                'payload', CASE WHEN p_payloads THEN c.payload END
            )
            ORDER BY c.doc_key
        ) FILTER (WHERE c.fits),
        max(c.doc_key) FILTER (WHERE c.fits),
        coalesce(bool_or(NOT c.fits), FALSE)
    INTO v_page, v_last, v_is_cut
    FROM cut AS c;

    RETURN json_build_object('documents', coalesce(v_page, '[]'), 'next', CASE WHEN v_is_cut THEN v_last END);
END
$$;

COMMENT ON FUNCTION khala.admin_documents(text, text[], text, text, text, text, integer, boolean) IS
'Documents of a topic for administrators, tombstones too. Arguments: organisation and scopes of the token; topic; organisation that owns them, null for all, empty for public ones; prefix of their keys; next of the page before, null for the first; most documents of a page, 1 to 1000, or to 10000 without payloads; whether payloads are wanted. Result: {"documents": [{"doc_key", "doc_version", "org_id", "deleted", "watermark", "updated_at", "payload"}], "next"} in the order of keys; next is null on the last page; a page may be short before that. Errors: KH001, KH007, KH025.';
REVOKE ALL ON FUNCTION khala.admin_documents(text, text[], text, text, text, text, integer, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_documents(text, text[], text, text, text, text, integer, boolean) TO khala_relay;
