-- Rules for the payload of an event. It must be I-JSON although no client receives it: summaries copy from it, and one
-- number that no double represents would make the entity impossible to project.

CREATE OR REPLACE FUNCTION khala_internal.check_event_payload(p_payload jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_payload IS NULL OR jsonb_typeof(p_payload) <> 'object' THEN
        RAISE EXCEPTION 'payload of the event is not an object but %',
            CASE WHEN p_payload IS NULL THEN 'NULL' ELSE 'a JSON ' || jsonb_typeof(p_payload) END
            USING ERRCODE = 'KH005', HINT = 'Wrap the value in an object; {} is fine.';
    ELSIF octet_length(p_payload::text) > 1048576 THEN
        RAISE EXCEPTION 'payload of the event has % bytes, 1048576 are allowed', octet_length(p_payload::text)
            USING ERRCODE = 'KH004', HINT = 'Store the large part elsewhere and refer to it.';
    END IF;
    PERFORM c.canonical FROM khala_internal.canonical_text(p_payload) AS c;
END
$$;

COMMENT ON FUNCTION khala_internal.check_event_payload(jsonb) IS
'Refuses a payload that breaks a rule. Argument: the payload of an event. Errors: KH004 above 1 MiB, KH005 not an I-JSON object.';
REVOKE ALL ON FUNCTION khala_internal.check_event_payload(jsonb) FROM public;
