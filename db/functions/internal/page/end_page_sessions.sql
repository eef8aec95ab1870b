-- Ends sessions and links of the admin page. The tokens of a session end with it.

CREATE OR REPLACE FUNCTION khala_internal.end_page_sessions(p_session_ids text[])
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_session runtime.page_sessions;
    v_ended integer := 0;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    FOR v_session IN
        DELETE FROM runtime.page_sessions AS s WHERE s.session_id = ANY(p_session_ids) RETURNING s.*
    LOOP
        v_ended := v_ended + 1;
        IF v_session.cookie_hash IS NOT NULL THEN
            -- A relay that has just read the session may still sign a token for it, by a clock that is ahead.
            PERFORM khala.revoke(
                'jti', 'page:' || v_session.session_id, clock_timestamp() + INTERVAL '1 hour', 'the session of the admin page has ended'
            );
        END IF;
    END LOOP;
    RETURN v_ended;
END
$$;

COMMENT ON FUNCTION khala_internal.end_page_sessions(text[]) IS
'Internal: ends sessions and links of the admin page, and revokes their tokens. Argument: their ids. Result: how many there were. Errors: 40001 as khala.revoke.';
REVOKE ALL ON FUNCTION khala_internal.end_page_sessions(text[]) FROM public;
