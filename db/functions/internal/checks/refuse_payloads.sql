-- Finds the document whose payload has no canonical JSON. A batch makes canonical JSON for all its documents at once,
-- and that error does not name the document.

CREATE OR REPLACE FUNCTION khala_internal.refuse_payloads(
    p_first_ordinal integer,
    p_doc_keys text[],
    p_payloads jsonb[],
    p_deleted boolean[]
)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_message text;
    v_hint text;
BEGIN
    FOR v_place IN 1 .. cardinality(p_doc_keys) LOOP
        CONTINUE WHEN p_deleted[v_place];
        BEGIN
            PERFORM khala_internal.canonical_json(p_payloads[v_place]);
        EXCEPTION
            WHEN SQLSTATE 'KH005' THEN
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
                RAISE EXCEPTION '%, in document %', v_message, quote_literal(left(p_doc_keys[v_place], 100))
                    USING ERRCODE = 'KH005', HINT = v_hint,
                        DETAIL = json_build_object(
                            'ordinal', p_first_ordinal + v_place - 1, 'doc_key', p_doc_keys[v_place]
                        );
        END;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_payloads(integer, text[], jsonb[], boolean[]) IS
'Internal: raises the error for the first payload that is not I-JSON; DETAIL names its document. Arguments: ordinal of the first document; keys; payloads; tombstone flags. Errors: KH005.';
REVOKE ALL ON FUNCTION khala_internal.refuse_payloads(integer, text[], jsonb[], boolean[]) FROM public;
