-- Canonical JSON (RFC 8785, JCS) of a value: keys in UTF-16 order, no white space, numbers as ECMAScript prints them,
-- strings with the fewest escapes, which are those of Postgres. It is hashed, stored in the journal and carried on
-- the wire. This is the reference; khala_internal.canonical_text costs less for most objects. One query for each
-- object would be expensive, so one query writes all of a level: its values one after the other, with a mark in the
-- place of each nested one. From the deepest level up, the finished values then replace the marks. The marks are
-- control characters, which JSON never contains (by chr, which means the same in every session):
-- 1 a nested value belongs here, 2 the next value begins, 3 this value is still empty.

CREATE OR REPLACE FUNCTION khala_internal.canonical_json(p_payload jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- One plan suits every level; planning again costs more than running it.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_level jsonb[] := ARRAY[p_payload];
    v_texts text[] := ARRAY[]::text[];
    v_text text;
BEGIN
    IF jsonb_typeof(p_payload) = 'number' THEN
        RETURN khala_internal.number_text(p_payload::numeric);
    ELSIF jsonb_typeof(p_payload) NOT IN ('object', 'array') THEN
        RETURN p_payload::text;
    END IF;
    LOOP
        IF cardinality(v_texts) >= 64 THEN
            RAISE EXCEPTION 'payload is nested deeper than 64 levels'
                USING ERRCODE = 'KH005', HINT = 'Nest objects and arrays at most 64 levels deep.';
        END IF;
        -- Sorted once, below the aggregates, which keep the order of their input.
        SELECT string_agg(s.piece, ''), array_agg(s.value) FILTER (WHERE s.nested)
        INTO v_text, v_level
        FROM (
            SELECT n.piece, n.value, n.nested
            FROM (
                SELECT
                    c.container, 0::bigint AS place, NULL::text COLLATE "C" AS sort_key,
                    chr(2) || CASE jsonb_typeof(c.value) WHEN 'object' THEN '{' ELSE '[' END || chr(3) AS piece,
                    FALSE AS nested, NULL::jsonb AS value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                UNION ALL
                SELECT
                    c.container, 1,
                    (CASE
                        WHEN octet_length(m.key) = length(m.key) THEN m.key
                        ELSE khala_internal.utf16_sort_key(m.key)
                    END) COLLATE "C",
                    ',' || to_json(m.key)::text || ':' || CASE jsonb_typeof(m.value)
                        WHEN 'number' THEN khala_internal.number_text(m.value::numeric)
                        WHEN 'object' THEN chr(1)
                        WHEN 'array' THEN chr(1)
                        ELSE m.value::text
                    END,
                    jsonb_typeof(m.value) IN ('object', 'array'), m.value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                CROSS JOIN LATERAL jsonb_each(c.value) AS m
                WHERE jsonb_typeof(c.value) = 'object'
                UNION ALL
                SELECT
                    c.container, e.ordinality, NULL,
                    ',' || CASE jsonb_typeof(e.value)
                        WHEN 'number' THEN khala_internal.number_text(e.value::numeric)
                        WHEN 'object' THEN chr(1)
                        WHEN 'array' THEN chr(1)
                        ELSE e.value::text
                    END,
                    jsonb_typeof(e.value) IN ('object', 'array'), e.value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                CROSS JOIN LATERAL jsonb_array_elements(c.value) WITH ORDINALITY AS e
                WHERE jsonb_typeof(c.value) = 'array'
            ) AS n
            ORDER BY n.container, n.place, n.sort_key
        ) AS s;
        v_texts := v_texts || substr(replace(replace(v_text, chr(3) || ',', ''), chr(3), ''), 2);
        EXIT WHEN v_level IS NULL;
    END LOOP;

    v_text := v_texts[cardinality(v_texts)];
    FOR v_place IN REVERSE cardinality(v_texts) - 1 .. 1 LOOP
        SELECT string_agg(
            t.segment || coalesce(t.child || CASE left(t.child, 1) WHEN '{' THEN '}' ELSE ']' END, ''), ''
            ORDER BY t.place
        )
        INTO v_text
        FROM ROWS FROM (
            unnest(string_to_array(v_texts[v_place], chr(1))), unnest(string_to_array(v_text, chr(2)))
        ) WITH ORDINALITY AS t (segment, child, place);
    END LOOP;
    RETURN v_text || CASE left(v_text, 1) WHEN '{' THEN '}' ELSE ']' END;
END
$$;

COMMENT ON FUNCTION khala_internal.canonical_json(jsonb) IS
'Internal: canonical JSON (RFC 8785) of a value, the reference. Argument: the value. Result: canonical JSON. Errors: KH005 for a number that no double represents, or nesting beyond 64 levels.';
REVOKE ALL ON FUNCTION khala_internal.canonical_json(jsonb) FROM public;
