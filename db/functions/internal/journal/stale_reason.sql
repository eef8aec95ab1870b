-- The rule of stale cursors, once: why a cursor is no good, if it is not. Bound when created and without a SET
-- clause, so that it is inlined.

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
'Internal: why a cursor is stale. Arguments: the cursor; head and retention floor of its topic; the epoch it counts in, null to take the one in force; the epoch in force, null when there is none. Result: epoch_changed, cursor_ahead or below_floor, null for a good cursor. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.stale_reason(bigint, bigint, bigint, text, text) FROM public;
