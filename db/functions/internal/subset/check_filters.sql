-- Refuses filters of a subscribe request that do not have the right shape, and names the field.

CREATE OR REPLACE FUNCTION khala_internal.check_filters(p_filters jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_topic text;
    v_filter jsonb;
    v_field text;
    v_fault text;
BEGIN
    IF jsonb_typeof(p_filters) <> 'object' THEN
        RAISE EXCEPTION 'filters is not an object but a JSON %', jsonb_typeof(p_filters)
            USING ERRCODE = 'KH007', HINT = 'Send {"<topic>": {"keys": [<doc_key>, …]}} or {"<topic>": {"prefix": "…"}}.';
    END IF;
    FOR v_topic, v_filter IN SELECT f.key, f.value FROM jsonb_each(p_filters) AS f LOOP
        v_field := 'filters[' || to_json(left(v_topic, 200))::text || ']';
        v_fault := CASE
            WHEN jsonb_typeof(v_filter) <> 'object' THEN ' is not an object but a JSON ' || jsonb_typeof(v_filter)
            WHEN v_filter ? 'keys' = v_filter ? 'prefix' OR v_filter - 'keys' - 'prefix' <> '{}'
                THEN ' has the members ' || (SELECT coalesce(string_agg(left(k.key, 64), ', '), 'none') FROM jsonb_object_keys(v_filter) AS k (key))
            WHEN v_filter ? 'prefix' AND jsonb_typeof(v_filter -> 'prefix') <> 'string'
                THEN '.prefix is not a string but a JSON ' || jsonb_typeof(v_filter -> 'prefix')
            WHEN length(v_filter ->> 'prefix') > 512 AND v_filter ? 'prefix'
                THEN '.prefix has ' || length(v_filter ->> 'prefix') || ' characters'
            WHEN NOT v_filter ? 'keys' THEN NULL
            WHEN jsonb_typeof(v_filter -> 'keys') <> 'array' THEN '.keys is not an array but a JSON ' || jsonb_typeof(v_filter -> 'keys')
            WHEN jsonb_array_length(v_filter -> 'keys') NOT BETWEEN 1 AND 1000
                THEN '.keys has ' || jsonb_array_length(v_filter -> 'keys') || ' members'
            ELSE (
                SELECT '.keys holds ' || left(k.key::text, 100) || ', which is no document key'
                FROM jsonb_array_elements(v_filter -> 'keys') AS k (key)
                WHERE jsonb_typeof(k.key) <> 'string' OR length(k.key #>> '{}') NOT BETWEEN 1 AND 512
                LIMIT 1
            )
        END;
        IF v_fault IS NOT NULL THEN
            RAISE EXCEPTION '%', v_field || v_fault
                USING ERRCODE = 'KH007',
                    HINT = 'Send either keys, 1 to 1000 strings of 1 to 512 characters, or prefix, a string of at most 512 characters.';
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION khala_internal.check_filters(jsonb) IS
'Internal: refuses filters of another shape than {topic: {"keys": […]}} or {topic: {"prefix": "…"}}. Argument: the filters of a request, null for none. Errors: KH007.';
REVOKE ALL ON FUNCTION khala_internal.check_filters(jsonb) FROM public;
