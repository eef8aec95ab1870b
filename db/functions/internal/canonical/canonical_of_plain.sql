-- Canonical text of an object that khala_internal.is_plain_json takes: only keys have to be sorted and white space to be
-- dropped. Most of what khala_internal.canonical_of takes for one object is starting its query, which has three times as
-- many expressions. As a row and bound when created, so that it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.canonical_of_plain(p_object jsonb)
RETURNS TABLE (canonical text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
-- noqa: disable=RF02,RF03
SELECT '{' || coalesce(string_agg(
    '"' || m.key || '":' || CASE jsonb_typeof(m.value)
        WHEN 'object' THEN (
            SELECT '{' || coalesce(string_agg(
                '"' || n.key || '":' || CASE
                    WHEN jsonb_typeof(n.value) IN ('object', 'array') THEN khala_internal.canonical_json(n.value, 3)
                    ELSE n.value::text
                END,
                ','
                ORDER BY n.key COLLATE "C"
            ), '') || '}'
            FROM jsonb_each(m.value) AS n
        )
        WHEN 'array' THEN CASE
            -- Nulls in arrays stay; it is here for writing JSON without white space.
            WHEN strpos(m.value::text, '{') = 0 THEN json_strip_nulls(m.value::text::json)::text
            ELSE khala_internal.canonical_json(m.value, 2)
        END
        ELSE m.value::text
    END,
    ','
    ORDER BY m.key COLLATE "C"
), '') || '}'
FROM jsonb_each(p_object) AS m;
END;

COMMENT ON FUNCTION khala_internal.canonical_of_plain(jsonb) IS
'Internal: RFC 8785 text of a plain object. Argument: an object whose text khala_internal.is_plain_json takes. Result: one row, its text. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.canonical_of_plain(jsonb) FROM public;
