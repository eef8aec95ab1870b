-- Makes this session the worker of a publisher, until it ends. What an earlier worker had claimed is due again: it may
-- have been delivered, so it is delivered at least once. It may even be under way, as that worker has lost its session
-- and need not have ended, so it is due when its lease has passed.

CREATE OR REPLACE FUNCTION khala.open_publisher(p_publisher text)
RETURNS TABLE (state text, kind text, url text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_publisher runtime.publishers;
BEGIN
    SELECT p.* INTO v_publisher FROM runtime.publishers AS p WHERE p.publisher = p_publisher;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    kind := v_publisher.kind;
    url := v_publisher.url;
    IF NOT pg_try_advisory_lock(v_publisher.lock_key) THEN
        state := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;
    state := 'open';
    -- Where the latest version counts, the update that was claimed stands for the ones behind it.
    IF kind = 'convex' THEN
        DELETE FROM runtime.publisher_updates AS u
        WHERE u.publisher = p_publisher AND u.state = 'held';
    END IF;
    UPDATE runtime.publisher_updates AS u SET state = 'ready', due_at = greatest(u.due_at, now())
    WHERE u.publisher = p_publisher AND u.state = 'claimed';
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.open_publisher(text) IS
'Makes this session the worker of a publisher until the session ends; call it outside of a transaction block. Argument: publisher. Result: state open, or busy while another session is its worker; kind; address. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.open_publisher(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.open_publisher(text) TO khala_publisher;
