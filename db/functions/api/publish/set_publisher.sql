-- Creates or changes a publisher. What is not given stays.

CREATE OR REPLACE FUNCTION khala.set_publisher(
    p_publisher text, p_kind text DEFAULT NULL, p_url text DEFAULT NULL, p_paused boolean DEFAULT NULL
)
RETURNS TABLE (publisher text, kind text, url text, paused boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_known runtime.publishers;
BEGIN
    IF p_publisher IS NULL OR p_publisher !~ '^[a-z][a-z0-9_.-]{0,63}$' THEN
        RAISE EXCEPTION 'p_publisher is %', coalesce(quote_literal(left(p_publisher, 64)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use 1 to 64 characters: a lower-case letter, then lower-case letters, digits, and . _ -';
    END IF;
    IF p_kind NOT IN ('convex', 'webhook') THEN
        RAISE EXCEPTION 'p_kind is %', quote_literal(left(p_kind, 64))
            USING ERRCODE = 'KH007', HINT = 'Use convex or webhook.';
    END IF;
    IF p_url !~ '^https?://[^[:space:]@/?#]+([/?#][^[:space:]]*)?$' OR length(p_url) > 2000 THEN
        RAISE EXCEPTION 'p_url is not an address that can be published to'
            USING ERRCODE = 'KH007',
                HINT = 'Use http:// or https://, without a user name or password, at most 2000 characters.';
    END IF;
    SELECT p.* INTO v_known FROM runtime.publishers AS p WHERE p.publisher = p_publisher FOR NO KEY UPDATE;
    IF NOT FOUND AND (p_kind IS NULL OR p_url IS NULL) THEN
        RAISE EXCEPTION 'publisher % does not exist, and % is NULL', p_publisher,
            CASE WHEN p_kind IS NULL THEN 'p_kind' ELSE 'p_url' END
            USING ERRCODE = 'KH007', HINT = 'A new publisher needs both.';
    END IF;
    IF v_known.kind <> p_kind THEN
        RAISE EXCEPTION 'publisher % is of kind %', p_publisher, v_known.kind
            USING ERRCODE = 'KH008', HINT = 'Use another name, or remove it with khala.remove_publisher first.';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    -- A worker that waits looks again.
    PERFORM pg_notify('khala_sync', '');
    RETURN QUERY
    INSERT INTO runtime.publishers AS p (publisher, kind, url, paused)
    VALUES (p_publisher, coalesce(p_kind, v_known.kind), coalesce(p_url, v_known.url), coalesce(p_paused, FALSE))
    ON CONFLICT (publisher) DO UPDATE SET
        url = coalesce(p_url, p.url),
        paused = coalesce(p_paused, p.paused),
        failures = 0,
        not_before = NULL,
        changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    RETURNING p.publisher, p.kind, p.url, p.paused;
END
$$;

COMMENT ON FUNCTION khala.set_publisher(text, text, text, boolean) IS
'Creates or changes a publisher. Arguments: name; kind, convex (upserts of the latest version) or webhook (an event for each version), fixed by the first call; address; whether it delivers nothing for now; null leaves one as it is, and a new one delivers. Result: the publisher. Errors: KH007, KH008 it is of another kind.';
REVOKE ALL ON FUNCTION khala.set_publisher(text, text, text, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_publisher(text, text, text, boolean) TO khala_dba;
