-- Refuses documents whose payloads do not match the schema that their topic checks.

CREATE OR REPLACE FUNCTION khala_internal.check_payloads(p_topic text, p_doc_keys text[], p_payloads jsonb[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_schema jsonb;
    v_refused record;
BEGIN
    SELECT t.checked_schema INTO v_schema FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    SELECT d.doc_key, d.place, f.path, f.fault INTO v_refused
    FROM unnest(p_doc_keys, p_payloads) WITH ORDINALITY AS d (doc_key, payload, place)
    CROSS JOIN LATERAL khala_internal.payload_fault(v_schema, d.payload) AS f
    WHERE d.payload IS NOT NULL AND f.fault IS NOT NULL
    ORDER BY d.place
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payload of document % does not match the schema of topic %: % %',
            quote_literal(v_refused.doc_key), p_topic, CASE v_refused.path WHEN '' THEN 'it' ELSE v_refused.path END, v_refused.fault
            USING ERRCODE = 'KH012',
                DETAIL = json_build_object('ordinal', v_refused.place, 'doc_key', v_refused.doc_key, 'path', v_refused.path),
                HINT = format(
                    'Correct %s, or change the schema with khala.set_topic_schema.',
                    CASE v_refused.path WHEN '' THEN 'the payload' ELSE v_refused.path || ' of the payload' END
                );
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.check_payloads(text, text[], jsonb[]) IS
'Internal: refuses documents that do not match the schema of their topic. Arguments: topic, which checks its schema; keys; payloads, null for tombstones. Errors: KH012.';
REVOKE ALL ON FUNCTION khala_internal.check_payloads(text, text[], jsonb[]) FROM public;
