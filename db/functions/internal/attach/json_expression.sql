-- SQL expression that turns a value of a type into JSON, by the rules of docs/reference/attach.md. It calls no cast
-- and no function of the type's owner, because it runs with the rights of khala_owner: what is not built in is written
-- by its output function, and a composite type member by member.

CREATE OR REPLACE FUNCTION khala_internal.json_expression(p_value text, p_type oid)
RETURNS text
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_type record;
    v_element oid;
    v_index text := 'i' || length(p_value);
BEGIN
    SELECT
        t.typtype, t.typbasetype, t.typrelid, t.typelem, t.typnamespace = 'pg_catalog'::regnamespace AS is_built_in,
        t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc AS is_array
    INTO v_type
    FROM pg_type AS t WHERE t.oid = p_type;
    IF v_type.typtype = 'd' THEN
        RETURN khala_internal.json_expression(p_value, v_type.typbasetype);
    ELSIF v_type.typtype = 'c' THEN
        RETURN format(
            'CASE WHEN num_nonnulls(%s) = 1 THEN %s END', p_value,
            khala_internal.json_object_expression(
                array_agg(a.attname::text ORDER BY a.attnum),
                array_agg(
                    khala_internal.json_expression(format('(%s).%I', p_value, a.attname), a.atttypid) ORDER BY a.attnum
                )
            )
        )
        FROM pg_attribute AS a
        WHERE a.attrelid = v_type.typrelid AND a.attnum > 0 AND NOT a.attisdropped;
    ELSIF v_type.is_array THEN
        v_element := khala_internal.base_type(v_type.typelem);
        IF v_element = 'numeric'::regtype THEN
            RETURN format('to_jsonb(%s::text[])', p_value);
        ELSIF v_element = 'bigint'::regtype THEN
            RETURN format(
                'CASE WHEN (9007199254740991 < ANY(%1$s) OR -9007199254740991 > ANY(%1$s)) IS TRUE THEN to_jsonb(%1$s::text[]) ELSE to_jsonb(%1$s) END',
                p_value
            );
        ELSIF v_element <> 'json'::regtype
            AND (SELECT t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace FROM pg_type AS t WHERE t.oid = v_element)
        THEN
            RETURN format('to_jsonb(%s)', p_value);
        END IF;
        RETURN format(
            'CASE WHEN cardinality(%1$s) = 0 THEN ''[]''::jsonb'
            || ' WHEN array_ndims(%1$s) = 1 THEN (SELECT jsonb_agg(%2$s ORDER BY %3$s) FROM generate_subscripts(%1$s, 1) AS %3$s)'
            || ' WHEN %1$s IS NOT NULL THEN to_jsonb(format(''%%s'', %1$s)) END',
            p_value, khala_internal.json_expression(format('(%s)[%s]', p_value, v_index), v_type.typelem), v_index
        );
    ELSIF p_type = 'numeric'::regtype THEN
        RETURN format('to_jsonb(%s::text)', p_value);
    ELSIF p_type = 'bigint'::regtype THEN
        RETURN format(
            'CASE WHEN %1$s BETWEEN -9007199254740991 AND 9007199254740991 THEN to_jsonb(%1$s) ELSE to_jsonb(%1$s::text) END',
            p_value
        );
    ELSIF p_type = 'json'::regtype THEN
        RETURN format('khala_internal.json_value(%s)', p_value);
    ELSIF v_type.is_built_in THEN
        RETURN format('to_jsonb(%s)', p_value);
    END IF;
    RETURN format('CASE WHEN %1$s IS NOT NULL THEN to_jsonb(format(''%%s'', %1$s)) END', p_value);
END
$$;

COMMENT ON FUNCTION khala_internal.json_expression(text, oid) IS
'Internal: SQL expression for a value as JSON. Arguments: expression of the value; its type. Result: an expression of type jsonb, null for null. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.json_expression(text, oid) FROM public;
