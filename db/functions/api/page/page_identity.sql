-- What a token of the admin page is for: an organisation of its session, with all its scopes; or none, for reads of
-- administrators alone. No organisation has the name that such a token then carries where it needs one, because it has
-- no topic and no right of an operator. All tokens of a session have one id, by which its end revokes them, and none of
-- the person's other sessions.

CREATE OR REPLACE FUNCTION khala.page_identity(p_cookie_hash bytea, p_org_id text)
RETURNS TABLE (subject text, org_id text, scopes text[], token_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_session runtime.page_sessions;
BEGIN
    SELECT s.* INTO v_session
    FROM runtime.page_sessions AS s
    WHERE s.cookie_hash = p_cookie_hash AND s.expires_at > clock_timestamp();
    IF NOT found THEN
        RETURN;
    END IF;
    IF v_session.org_ids IS NOT NULL AND p_org_id = ANY(v_session.org_ids) IS NOT TRUE THEN
        RAISE EXCEPTION 'the session is not for organisation %', coalesce(quote_literal(left(p_org_id, 200)), 'null, which stands for all of them')
            USING ERRCODE = 'KH025', HINT = 'Name one of its organisations; `khala page` makes links to further ones.';
    ELSIF NOT khala_internal.is_org_id(p_org_id) THEN
        RAISE EXCEPTION 'org_id has % characters', length(p_org_id) USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters.';
    END IF;
    subject := v_session.person;
    org_id := coalesce(p_org_id, '*');
    scopes := CASE
        WHEN p_org_id IS NULL THEN '{khala.admin,khala.admin.all}'
        ELSE khala_internal.page_scopes(v_session.org_ids)
    END;
    token_id := 'page:' || v_session.session_id;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.page_identity(bytea, text) IS
'Claims of a token for the admin page. Arguments: SHA-256 of the session''s cookie; organisation, null for reads of administrators alone. Result: one row; none when there is no such session, or it has ended. Errors: KH007; KH025 the session is not for the organisation.';
REVOKE ALL ON FUNCTION khala.page_identity(bytea, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.page_identity(bytea, text) TO khala_relay;
