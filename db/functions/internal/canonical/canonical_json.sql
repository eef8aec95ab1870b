-- RFC 8785 (JCS) text of a JSON value: keys in UTF-16 order, no white space, numbers as ECMAScript
-- prints them, strings with the fewest escapes, which are those Postgres writes. It is what is hashed,
-- what the journal stores and what the wire carries. An object is what khala_internal.canonical_of_plain or, if it is not
-- plain, khala_internal.canonical_of makes of it; here stands what they leave: other values, and what lies deep in an object, by a query for each value.

CREATE OR REPLACE FUNCTION khala_internal.canonical_json(p_payload jsonb, p_depth integer DEFAULT 1)
RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- Planning the query for an object costs more than running it.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_text text;
BEGIN
    IF p_depth = 1 AND jsonb_typeof(p_payload) = 'object' THEN
        IF khala_internal.is_plain_json(p_payload::text) THEN
            RETURN (SELECT c.canonical FROM khala_internal.canonical_of_plain(p_payload) AS c);
        END IF;
        RETURN (SELECT c.canonical FROM khala_internal.canonical_of(p_payload) AS c);
    ELSIF p_depth = 1 AND jsonb_typeof(p_payload) = 'array' THEN
        v_text := p_payload::text;
        -- As in khala_internal.canonical_of.
        IF octet_length(v_text) - octet_length(replace(replace(v_text, '{', ''), '[', '')) > 16 THEN
            RETURN khala_internal.canonical_json_by_level(p_payload);
        END IF;
    END IF;
    IF p_depth > 64 THEN
        RAISE EXCEPTION 'payload is nested deeper than 64 levels'
            USING ERRCODE = 'KH005', HINT = 'Flatten the document.';
    END IF;
    CASE jsonb_typeof(p_payload)
        WHEN 'object' THEN
            RETURN (
                SELECT '{' || coalesce(string_agg(
                    to_json(m.key)::text || ':'
                    || CASE jsonb_typeof(m.value)
                        WHEN 'string' THEN m.value::text
                        WHEN 'number' THEN khala_internal.number_text(m.value::numeric)
                        WHEN 'boolean' THEN m.value::text
                        WHEN 'null' THEN 'null'
                        ELSE khala_internal.canonical_json(m.value, p_depth + 1)
                    END,
                    ','
                    ORDER BY CASE
                        WHEN octet_length(m.key) = length(m.key) THEN m.key
                        ELSE khala_internal.utf16_sort_key(m.key)
                    END COLLATE "C"
                ), '') || '}'
                FROM jsonb_each(p_payload) AS m
            );
        WHEN 'array' THEN
            RETURN (
                SELECT '[' || coalesce(string_agg(
                    CASE jsonb_typeof(e.value)
                        WHEN 'string' THEN e.value::text
                        WHEN 'number' THEN khala_internal.number_text(e.value::numeric)
                        ELSE khala_internal.canonical_json(e.value, p_depth + 1)
                    END,
                    ','
                    ORDER BY e.ordinality
                ), '') || ']'
                FROM jsonb_array_elements(p_payload) WITH ORDINALITY AS e
            );
        WHEN 'number' THEN
            RETURN khala_internal.canonical_number(p_payload::numeric);
        ELSE
            RETURN p_payload::text;
    END CASE;
END
$$;

COMMENT ON FUNCTION khala_internal.canonical_json(jsonb, integer) IS
'RFC 8785 text of a JSON value. Arguments: the value; the depth it stands at (leave it out). Result: canonical text. Errors: KH005 for a number no double stands for, or nesting beyond 64 levels.';
REVOKE ALL ON FUNCTION khala_internal.canonical_json(jsonb, integer) FROM public;
