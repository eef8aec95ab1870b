-- Canonical text of an object, as a row, so that it is inlined: within a query over many payloads, or one that
-- does more than this, it costs half of what a call does. Objects and arrays in the object are written by the
-- same query, what lies deeper by khala_internal.canonical_json, one call each; a value with many of them is made level by
-- level, which is cheaper then. Bound when created and without a SET clause: otherwise it is not inlined.

CREATE OR REPLACE FUNCTION khala_internal.canonical_of(p_object jsonb)
RETURNS TABLE (canonical text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
-- noqa: disable=RF02,RF03,AM09
SELECT CASE
    -- Brackets in strings count as well: a wrong guess costs time, not the result.
    WHEN octet_length(o.written) - octet_length(replace(replace(o.written, '{', ''), '[', '')) > 16
        THEN khala_internal.canonical_json_by_level(p_object)
    WHEN o.written IS NOT NULL THEN (
        SELECT '{' || coalesce(string_agg(
            to_json(m.key)::text || ':' || CASE jsonb_typeof(m.value)
                WHEN 'number' THEN khala_internal.number_text(m.value::numeric)
                WHEN 'object' THEN (
                    SELECT '{' || coalesce(string_agg(
                        to_json(n.key)::text || ':' || CASE jsonb_typeof(n.value)
                            WHEN 'number' THEN khala_internal.number_text(n.value::numeric)
                            WHEN 'object' THEN khala_internal.canonical_json(n.value, 3)
                            WHEN 'array' THEN khala_internal.canonical_json(n.value, 3)
                            ELSE n.value::text
                        END,
                        ','
                        ORDER BY CASE
                            WHEN octet_length(n.key) = length(n.key) THEN n.key
                            ELSE khala_internal.utf16_sort_key(n.key)
                        END COLLATE "C"
                    ), '') || '}'
                    FROM jsonb_each(m.value) AS n
                )
                WHEN 'array' THEN (
                    SELECT '[' || coalesce(string_agg(
                        CASE jsonb_typeof(e.value)
                            WHEN 'number' THEN khala_internal.number_text(e.value::numeric)
                            WHEN 'object' THEN khala_internal.canonical_json(e.value, 3)
                            WHEN 'array' THEN khala_internal.canonical_json(e.value, 3)
                            ELSE e.value::text
                        END,
                        ','
                        ORDER BY e.ordinality
                    ), '') || ']'
                    FROM jsonb_array_elements(m.value) WITH ORDINALITY AS e (value, ordinality)
                )
                ELSE m.value::text
            END,
            ','
            ORDER BY CASE
                WHEN octet_length(m.key) = length(m.key) THEN m.key
                ELSE khala_internal.utf16_sort_key(m.key)
            END COLLATE "C"
        ), '') || '}'
        FROM jsonb_each(p_object) AS m
    )
END AS canonical
FROM (SELECT p_object::text AS written OFFSET 0) AS o -- noqa: PRS
-- Keeps the planner from writing all this in the place of each use.
OFFSET 0;
END;

COMMENT ON FUNCTION khala_internal.canonical_of(jsonb) IS
'Internal: RFC 8785 text of an object. Argument: the object, or null. Result: one row, its text; null for null. Errors: KH005 as khala_internal.canonical_json.';
REVOKE ALL ON FUNCTION khala_internal.canonical_of(jsonb) FROM public;
