-- Sets the JSON Schema of a topic's payloads, for khala types and, if it is checked, for each write that follows. What is
-- stored or staged stays as it is.

CREATE OR REPLACE FUNCTION khala.set_topic_schema(p_topic text, p_schema json, p_check boolean DEFAULT FALSE)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_schema CONSTANT jsonb := khala_internal.json_value(p_schema);
    v_twice text;
    v_loop text;
BEGIN
    PERFORM FROM runtime.sync_topics AS t WHERE t.topic = p_topic FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    ELSIF p_check AND p_schema IS NULL THEN
        RAISE EXCEPTION 'p_check is true, but p_schema is NULL'
            USING ERRCODE = 'KH007', HINT = 'Pass the schema that writes are checked against, or p_check => FALSE to remove it.';
    ELSIF p_check AND khala_internal.is_own_topic(p_topic) THEN
        RAISE EXCEPTION 'topic % is written by functions of Khala', p_topic
            USING ERRCODE = 'KH008', HINT = 'Pass p_check => FALSE: the schema then only describes the documents.';
    ELSIF octet_length(p_schema::text) > 262144 THEN
        RAISE EXCEPTION 'p_schema has % bytes', octet_length(p_schema::text)
            USING ERRCODE = 'KH007', HINT = 'Use at most 262144 bytes.';
    ELSIF p_schema IS NOT NULL THEN
        BEGIN
            -- Programs that read it recurse too. A payload has 64 levels.
            IF v_schema @? '$.**{129}' THEN
                RAISE statement_too_complex;
            ELSIF json_typeof(p_schema) <> jsonb_typeof(v_schema)
                OR v_schema @? '$.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))'
            THEN
                RAISE EXCEPTION 'the schema has U+0000, half a character or a number beyond a double, and so has no payload'
                    USING ERRCODE = 'KH007', HINT = 'Leave it out.';
            END IF;
            PERFORM khala_internal.check_schema(v_schema, v_schema);
        EXCEPTION
            WHEN statement_too_complex THEN
                RAISE EXCEPTION 'the schema is nested deeper than 128 levels'
                    USING ERRCODE = 'KH007', HINT = 'Move parts of it to $defs, and refer to them.';
        END;
        IF jsonb_typeof(v_schema) <> 'object' OR NOT coalesce(v_schema -> 'type', '"object"') @> '"object"' THEN
            RAISE EXCEPTION 'the schema allows no object'
                USING ERRCODE = 'KH007', HINT = 'A payload is an object: write {"type": "object", …}.';
        END IF;
        SELECT min(d.name) INTO v_twice
        FROM jsonb_object_keys(coalesce(v_schema -> '$defs', '{}')) AS d (name)
        WHERE v_schema -> 'definitions' ? d.name;
        IF v_twice IS NOT NULL THEN
            RAISE EXCEPTION 'the schema defines % twice', quote_literal(left(v_twice, 100))
                USING ERRCODE = 'KH007', HINT = 'Define it in $defs or in definitions, not in both.';
        END IF;
        -- A schema that is itself, without a member or an element between, would be checked without end.
        WITH RECURSIVE same AS (
            SELECT r.name, r.schema
            FROM (
                SELECT '#' AS name, v_schema AS schema
                UNION ALL
                SELECT concat('#/', k.name, '/', d.key), d.value
                FROM unnest('{$defs,definitions}'::text[]) AS k (name)
                CROSS JOIN LATERAL jsonb_each(coalesce(v_schema -> k.name, '{}')) AS d
            ) AS r
            UNION ALL
            SELECT s.name, e.value
            FROM same AS s
            CROSS JOIN LATERAL jsonb_path_query(
                s.schema, '$.keyvalue() ? (@.key == "allOf" || @.key == "anyOf" || @.key == "oneOf").value[*]', '{}', TRUE
            ) AS e (value)
        ),
        step AS (
            SELECT s.name, s.schema ->> '$ref' AS target FROM same AS s WHERE s.schema ? '$ref'
        ),
        reached AS (
            SELECT s.name, s.target FROM step AS s
            UNION
            SELECT r.name, s.target FROM reached AS r INNER JOIN step AS s ON r.target = s.name
        )
        SELECT min(r.name) INTO v_loop FROM reached AS r WHERE r.name = r.target;
        IF v_loop IS NOT NULL THEN
            RAISE EXCEPTION 'the schema at % refers to itself', left(v_loop, 100)
                USING ERRCODE = 'KH007', HINT = 'Let it refer to itself only inside of properties, additionalProperties or items.';
        END IF;
    END IF;
    UPDATE runtime.sync_topics AS t
    SET json_schema = p_schema, checked_schema = CASE WHEN p_check THEN v_schema END
    WHERE t.topic = p_topic;
    RETURN p_topic;
END
$$;

COMMENT ON FUNCTION khala.set_topic_schema(text, json, boolean) IS
'Sets the JSON Schema of a topic''s payloads. Arguments: topic; schema, null removes it; whether writes are checked against it. A write that does not match is then refused (KH012); a row of an attached table is set aside. Result: the topic. Errors: KH001, KH007 the schema has what is not supported, KH008 functions of Khala write the topic.';
REVOKE ALL ON FUNCTION khala.set_topic_schema(text, json, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_topic_schema(text, json, boolean) TO khala_dba;
