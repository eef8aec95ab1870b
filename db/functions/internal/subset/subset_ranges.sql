-- Ranges of the keys that a subset can hold, for index scans. Keys have the collation C and at most 512 characters, so
-- those with a prefix are between it and the prefix followed by 512 of the last character. Whether a key of a range is
-- in the subset, only khala_internal.key_marks decides. Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.subset_ranges(p_subset jsonb)
RETURNS TABLE (first_key text, last_key text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
-- noqa: disable=RF03
SELECT substr(m.mark, 2),
    CASE WHEN starts_with(m.mark, '=') THEN substr(m.mark, 2) ELSE substr(m.mark, 2) || repeat(chr(1114111), 512) END
FROM jsonb_object_keys(coalesce(p_subset -> 'marks', '{"^": null}'::jsonb)) AS m (mark);
END;

COMMENT ON FUNCTION khala_internal.subset_ranges(jsonb) IS
'Internal: ranges of the keys of a subset. Argument: the subset, null for every key. Result: first and last possible key of each range; ranges do not overlap. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.subset_ranges(jsonb) FROM public;
