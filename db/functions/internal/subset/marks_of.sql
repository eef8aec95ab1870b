-- Marks of an update for the subscribers of subsets, as the live feed carries them. A function, because a subquery in
-- its place costs a feed without such subscribers 2.5 µs a page, a twentieth of one with one update. Lengths beyond the
-- key are cut off first: a page of 200 updates for subscribers of all lengths takes 6 ms so, and 36 otherwise.

CREATE OR REPLACE FUNCTION khala_internal.marks_of(p_doc_key text, p_lengths integer[])
RETURNS json
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT json_agg(m.mark)
        FROM khala_internal.key_marks(p_doc_key, p_lengths[:width_bucket(length(p_doc_key), p_lengths)]) AS m
    );
END
$$;

COMMENT ON FUNCTION khala_internal.marks_of(text, integer[]) IS
'Internal: marks of a document key. Arguments: the key; lengths of the beginnings to mark, ascending, 0 for the whole key. Result: an array of marks, null for none. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.marks_of(text, integer[]) FROM public;
