-- Documents of a topic that fulfil conditions, for those who write it or administer it: whoever owns them. Conditions
-- are jsonpath predicates. One that is none (a path, or a filter) would be fulfilled by nothing, and is refused. On an
-- empty object a predicate gives true, false or null, and a path gives nothing or an object.

CREATE OR REPLACE FUNCTION khala.query_documents(
    p_topic text,
    p_prefix text DEFAULT NULL,
    p_org_id text DEFAULT NULL,
    p_where text[] DEFAULT NULL,
    p_limit integer DEFAULT 100,
    p_newest boolean DEFAULT FALSE
)
RETURNS TABLE (
    doc_key text,
    doc_version bigint,
    watermark bigint,
    org_id text,
    updated_at timestamptz,
    payload jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- For times without a zone: documents of attached tables have theirs in UTC.
SET "TimeZone" = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    v_where text;
    v_path jsonpath;
    v_is_predicate boolean;
    v_reason text;
    v_paths jsonpath[] := ARRAY[]::jsonpath[];
BEGIN
    IF coalesce(p_limit < 1, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use a whole number from 1.';
    END IF;
    IF NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = p_topic) THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    FOREACH v_where IN ARRAY coalesce(p_where, '{}') LOOP
        v_reason := 'it is a path or a filter, and no comparison';
        BEGIN
            v_path := v_where::jsonpath;
            v_is_predicate := jsonb_path_query_array_tz('{}', v_path, '{}', TRUE) IN ('[true]', '[false]', '[null]');
        EXCEPTION
            -- A variable is an undefined object.
            WHEN syntax_error OR data_exception OR feature_not_supported OR undefined_object OR statement_too_complex THEN
                v_is_predicate := FALSE;
                v_reason := SQLERRM;
        END;
        IF v_is_predicate IS NOT TRUE THEN
            RAISE EXCEPTION 'condition % is no jsonpath predicate', coalesce(quote_literal(left(v_where, 200)), 'NULL')
                USING ERRCODE = 'KH007', DETAIL = v_reason,
                    HINT = 'Write one such as $.status == "open", or $.total > 100 && exists($.customer).';
        END IF;
        v_paths := v_paths || v_path;
    END LOOP;

    RETURN QUERY
    SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.updated_at, d.payload
    FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic
        AND NOT d.deleted
        AND starts_with(d.doc_key, coalesce(p_prefix, ''))
        AND (p_org_id IS NULL OR d.org_id = p_org_id)
        AND NOT EXISTS (
            SELECT FROM unnest(v_paths) AS w (path)
            WHERE jsonb_path_match_tz(d.payload, w.path, '{}', TRUE) IS NOT TRUE
        )
    ORDER BY CASE WHEN p_newest THEN d.watermark END DESC, d.doc_key
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION khala.query_documents(text, text, text, text[], integer, boolean) IS
'Documents of a topic, tombstones left out. Arguments: topic; prefix of their keys, null for any; organisation that owns them, null for any and public ones; jsonpath predicates on the payload, which all must be true; most documents; whether those come first that changed last, instead of the order of keys. Result: key, version, watermark and time of the last change, owner (null: public) and payload. Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.query_documents(text, text, text, text[], integer, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.query_documents(text, text, text, text[], integer, boolean) TO khala_runtime, khala_dba;
