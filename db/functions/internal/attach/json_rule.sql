-- How a value of a type becomes JSON: the SQL expression, and the JSON Schema of what it makes. This is the only place
-- of the rules that docs/reference/attach.md describes. The expression calls no cast and no function of the type's
-- owner, because it runs with the rights of khala_owner: what is not built in is written by its output function, and a
-- composite type member by member.
--
-- PostgreSQL does not keep the number of dimensions of an array, so the schema has the declared one.

CREATE OR REPLACE FUNCTION khala_internal.json_rule(
    p_value text,
    p_type oid,
    p_dimensions integer DEFAULT 1,
    OUT expression text,
    OUT schema json,
    OUT may_be_string boolean
)
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_type record;
    v_element oid;
    v_index text := 'i' || length(p_value);
    v_item record;
BEGIN
    SELECT
        t.typtype, t.typbasetype, t.typrelid, t.typelem, t.typndims, t.typnamespace = 'pg_catalog'::regnamespace AS is_built_in,
        t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc AS is_array
    INTO v_type
    FROM pg_type AS t WHERE t.oid = p_type;
    may_be_string := FALSE;
    IF v_type.typtype = 'd' THEN
        SELECT r.expression, r.schema, r.may_be_string INTO expression, schema, may_be_string
        FROM khala_internal.json_rule(p_value, v_type.typbasetype, greatest(v_type.typndims, p_dimensions)) AS r;
    ELSIF v_type.typtype = 'c' THEN
        SELECT
            format(
                'CASE WHEN num_nonnulls(%s) = 1 THEN %s END', p_value,
                khala_internal.json_object_expression(
                    array_agg(a.attname::text ORDER BY a.attnum), array_agg(r.expression ORDER BY a.attnum)
                )
            ),
            khala_internal.object_schema(
                array_agg(a.attname::text ORDER BY a.attnum),
                array_agg(khala_internal.wider_schema(r.schema, FALSE, TRUE) ORDER BY a.attnum)
            ),
            coalesce(bool_or(r.may_be_string), FALSE)
        INTO expression, schema, may_be_string
        FROM pg_attribute AS a
        CROSS JOIN LATERAL khala_internal.json_rule(
            format('(%s).%I', p_value, a.attname), a.atttypid, greatest(a.attndims, 1)
        ) AS r
        WHERE a.attrelid = v_type.typrelid AND a.attnum > 0 AND NOT a.attisdropped;
    ELSIF v_type.is_array THEN
        v_element := khala_internal.base_type(v_type.typelem);
        SELECT r.expression, khala_internal.wider_schema(r.schema, FALSE, TRUE) AS schema, r.may_be_string INTO v_item
        FROM khala_internal.json_rule('(' || p_value || ')[' || v_index || ']', v_type.typelem) AS r;
        may_be_string := v_item.may_be_string;
        IF v_element = 'numeric'::regtype THEN
            expression := format('to_jsonb(%s::text[])', p_value);
            schema := khala_internal.array_schema(v_item.schema, p_dimensions);
        ELSIF v_element = 'bigint'::regtype THEN
            expression := format(
                'CASE WHEN (9007199254740991 < ANY(%1$s) OR -9007199254740991 > ANY(%1$s)) IS TRUE THEN to_jsonb(%1$s::text[]) ELSE to_jsonb(%1$s) END',
                p_value
            );
            schema := khala_internal.array_schema(v_item.schema, p_dimensions);
        ELSIF v_element <> 'json'::regtype
            AND (SELECT t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace FROM pg_type AS t WHERE t.oid = v_element)
        THEN
            expression := format('to_jsonb(%s)', p_value);
            schema := khala_internal.array_schema(v_item.schema, p_dimensions);
        ELSE
            expression := format(
                'CASE WHEN cardinality(%1$s) = 0 THEN ''[]''::jsonb'
                || ' WHEN array_ndims(%1$s) = 1 THEN (SELECT jsonb_agg(%2$s ORDER BY %3$s) FROM generate_subscripts(%1$s, 1) AS %3$s)'
                || ' WHEN %1$s IS NOT NULL THEN to_jsonb(format(''%%s'', %1$s)) END',
                p_value, v_item.expression, v_index
            );
            schema := khala_internal.array_schema(v_item.schema, 1);
            may_be_string := may_be_string OR p_dimensions > 1;
        END IF;
    ELSIF p_type = 'numeric'::regtype THEN
        expression := format('to_jsonb(%s::text)', p_value);
        schema := '{"type": "string"}';
    ELSIF p_type = 'bigint'::regtype THEN
        expression := format(
            'CASE WHEN %1$s BETWEEN -9007199254740991 AND 9007199254740991 THEN to_jsonb(%1$s) ELSE to_jsonb(%1$s::text) END',
            p_value
        );
        schema := '{"type": ["integer", "string"]}';
    ELSIF p_type = 'json'::regtype THEN
        expression := format('khala_internal.json_value(%s)', p_value);
        schema := '{}';
        may_be_string := TRUE;
    ELSIF v_type.is_built_in THEN
        expression := format('to_jsonb(%s)', p_value);
        schema := (CASE p_type
            WHEN 'boolean'::regtype THEN '{"type": "boolean"}'
            WHEN 'smallint'::regtype THEN '{"type": "integer"}'
            WHEN 'integer'::regtype THEN '{"type": "integer"}'
            -- NaN, infinities, and numbers that khala_internal.exact_payload writes as digits.
            WHEN 'real'::regtype THEN '{"type": ["number", "string"]}'
            WHEN 'double precision'::regtype THEN '{"type": ["number", "string"]}'
            WHEN 'jsonb'::regtype THEN '{}'
            ELSE '{"type": "string"}'
        END)::json;
        -- Of what contains it, khala_internal.exact_payload makes a string.
        may_be_string := p_type IN ('real'::regtype, 'double precision'::regtype, 'jsonb'::regtype);
    ELSE
        expression := format('CASE WHEN %1$s IS NOT NULL THEN to_jsonb(format(''%%s'', %1$s)) END', p_value);
        schema := '{"type": "string"}';
        IF v_type.typtype = 'e' THEN
            schema := json_build_object('type', 'string', 'enum', ARRAY(
                SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = p_type ORDER BY e.enumsortorder
            ));
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.json_rule(text, oid, integer) IS
'Internal: how a value of a type becomes JSON. Arguments: expression of the value; its type; declared dimensions of an array. Result: an expression of type jsonb, null for null; JSON Schema of its values other than null; whether a column of the type may be a string instead, because a value inside of it is not I-JSON. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.json_rule(text, oid, integer) FROM public;
