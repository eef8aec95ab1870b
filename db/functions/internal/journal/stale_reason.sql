-- Reason why a cursor is stale: the one place of this rule. Bound at creation and without a SET clause, so it is
-- inlined.

CREATE OR REPLACE FUNCTION khala_internal.stale_reason(
    p_after bigint,
    p_head_watermark bigint,
    p_retention_floor bigint,
    p_epoch text,
    p_current_epoch text
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_current_epoch IS NULL OR p_epoch <> p_current_epoch THEN 'epoch_changed'
    WHEN p_after > p_head_watermark THEN 'cursor_ahead'
    WHEN p_after + 1 < p_retention_floor THEN 'below_floor'
END;

COMMENT ON FUNCTION khala_internal.stale_reason(bigint, bigint, bigint, text, text) IS
'Internal: reason why a cursor is stale. Arguments: the cursor; head and retention floor of its topic; epoch of the cursor, null for the current one; current epoch, null when there is none. Result: epoch_changed, cursor_ahead or below_floor; null for a valid cursor. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.stale_reason(bigint, bigint, bigint, text, text) FROM public;
