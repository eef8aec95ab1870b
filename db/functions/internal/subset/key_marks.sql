-- The rule "is this key in the subset", in its one place: a key is in a subset if they share a mark. A key has a mark as
-- a whole (= and the key), and one for each of its beginnings (^ and the beginning), of which only those of the given
-- lengths are made. So a relay that knows the marks of its subscribers finds those of an update by looking its few marks
-- up, however many subscribers there are. Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.key_marks(p_doc_key text, p_lengths integer[], p_marks jsonb DEFAULT NULL)
RETURNS TABLE (mark text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF02,RF03
SELECT m.mark
FROM (
    SELECT CASE WHEN l.length = 0 THEN '=' || p_doc_key ELSE '^' || left(p_doc_key, l.length) END AS mark
    FROM unnest(p_lengths) AS l (length)
    WHERE l.length <= length(p_doc_key)
) AS m
WHERE p_marks IS NULL OR p_marks ? m.mark;
END;

COMMENT ON FUNCTION khala_internal.key_marks(text, integer[], jsonb) IS
'Internal: marks of a document key. Arguments: the key; lengths of the beginnings to mark, 0 for the whole key; an object whose members are the marks of a subset, null for any. Result: a row for each mark that both have; none when the key is not in the subset. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.key_marks(text, integer[], jsonb) FROM public;
