-- Writes many documents of one topic: one allocation, set-based, all or nothing. A document may occur several times:
-- each occurrence is judged against the one before it, and watermarks follow the order of the array.

CREATE OR REPLACE FUNCTION khala.sink_batch(p_topic text, p_documents jsonb)
RETURNS TABLE (ordinal integer, doc_key text, watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_keys text[];
    v_version_texts text[];
    v_versions bigint[];
    v_orgs text[];
    v_payloads jsonb[];
    v_deleted_texts text[];
    v_deleted boolean[];
    v_refused integer;
    v_result record;
BEGIN
    IF coalesce(jsonb_typeof(p_documents) <> 'array', TRUE) THEN
        RAISE EXCEPTION 'p_documents is not an array but %', coalesce('a JSON ' || jsonb_typeof(p_documents), 'missing')
            USING ERRCODE = 'KH007',
                HINT = 'Send [{"doc_key": …, "doc_version": …, "payload": {…}, "org_id": …}, …]; "deleted": true for a tombstone.';
    END IF;
    SELECT
        min(e.ordinal) FILTER (WHERE CASE
            WHEN jsonb_typeof(e.document) <> 'object' THEN TRUE
            ELSE coalesce(jsonb_typeof(e.document -> 'doc_key') <> 'string', TRUE)
                OR CASE coalesce(jsonb_typeof(e.document -> 'doc_version'), 'null')
                    WHEN 'null' THEN FALSE
                    WHEN 'number' THEN
                        scale((e.document -> 'doc_version')::numeric) > 0
                        OR (e.document -> 'doc_version')::numeric NOT BETWEEN 0 AND 9223372036854775807
                    WHEN 'string' THEN
                        CASE
                            WHEN e.document ->> 'doc_version' ~ '^[0-9]{1,19}$'
                                THEN (e.document ->> 'doc_version')::numeric > 9223372036854775807
                            ELSE TRUE
                        END
                    ELSE TRUE
                END
                OR coalesce(jsonb_typeof(e.document -> 'org_id') NOT IN ('string', 'null'), FALSE)
                OR coalesce(jsonb_typeof(e.document -> 'deleted') <> 'boolean', FALSE)
                OR e.document - '{doc_key,doc_version,org_id,deleted,payload}'::text[] <> '{}'
        END),
        array_agg(e.document ->> 'doc_key'),
        array_agg(e.document ->> 'doc_version'),
        array_agg(e.document ->> 'org_id'),
        array_agg(e.document -> 'payload'),
        array_agg(coalesce(e.document ->> 'deleted', 'false'))
    INTO v_refused, v_keys, v_version_texts, v_orgs, v_payloads, v_deleted_texts
    FROM (
        SELECT a.document, a.ordinal
        FROM jsonb_array_elements(p_documents) WITH ORDINALITY AS a (document, ordinal)
        ORDER BY a.ordinal
    ) AS e;
    IF v_refused IS NOT NULL THEN
        RAISE EXCEPTION 'document % of the batch is malformed', v_refused
            USING ERRCODE = 'KH007',
                DETAIL = json_build_object('ordinal', v_refused),
                HINT = 'Send doc_key (string), doc_version (whole number from 0, or leave it out for the next one), payload (object) or "deleted": true, and org_id (string) if it has an owner; nothing else.';
    END IF;

    v_versions := v_version_texts::bigint[];
    v_deleted := v_deleted_texts::boolean[];

    -- An empty batch goes through the write path too, which refuses an unknown topic.
    v_result := khala_internal.write_documents(p_topic, v_keys, v_versions, v_orgs, v_payloads, v_deleted);
    RETURN QUERY
    SELECT w.ordinality::integer, w.doc_key, w.watermark, w.outcome
    FROM unnest(v_keys, v_result.watermarks, v_result.outcomes)
        WITH ORDINALITY AS w (doc_key, watermark, outcome, ordinality);
END
$$;

COMMENT ON FUNCTION khala.sink_batch(text, jsonb) IS
'Writes many documents of one topic, all or none. Arguments: topic; array of {doc_key, doc_version (left out or null: the next one), payload or deleted, org_id}. Result: per document its place in the array from 1, key, watermark (null when nothing was written) and outcome as khala.sink. Errors: KH001, KH004, KH005, KH006, KH007, KH008, KH012 as khala.sink; DETAIL names the ordinal.';
REVOKE ALL ON FUNCTION khala.sink_batch(text, jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.sink_batch(text, jsonb) TO khala_runtime;
