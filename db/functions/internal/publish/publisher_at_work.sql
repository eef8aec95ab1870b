-- Row of a publisher for calls of its worker, which only one session may make.

CREATE OR REPLACE FUNCTION khala_internal.publisher_at_work(p_publisher text)
RETURNS runtime.publishers
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_publisher runtime.publishers;
BEGIN
    SELECT p.* INTO v_publisher FROM runtime.publishers AS p WHERE p.publisher = p_publisher;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_publisher(p_publisher);
    END IF;
    IF NOT pg_try_advisory_xact_lock(v_publisher.lock_key) THEN
        RAISE EXCEPTION 'another session is the worker of publisher %', p_publisher
            USING ERRCODE = 'KH008', HINT = 'Call khala.open_publisher until its state is open.';
    END IF;
    -- A claim that a crash takes back would be made again while its delivery is under way, and a later version could be
    -- delivered before the end of a claim is safe.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    RETURN v_publisher;
END
$$;

COMMENT ON FUNCTION khala_internal.publisher_at_work(text) IS
'Internal: publisher whose worker this session is or, until its transaction ends, becomes; the commit is waited for. Argument: publisher. Result: its row. Errors: KH007, KH008 another session is the worker.';
REVOKE ALL ON FUNCTION khala_internal.publisher_at_work(text) FROM public;
