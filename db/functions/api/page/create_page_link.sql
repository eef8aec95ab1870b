-- A link that opens a session of the admin page, once. Only the hash of its code reaches the database, so no statement
-- log, backup or reader of the table holds anything that signs in.

CREATE OR REPLACE FUNCTION khala.create_page_link(
    p_code_hash bytea,
    p_org_ids text[] DEFAULT NULL,
    p_first_org_id text DEFAULT NULL,
    p_valid_for interval DEFAULT '12 hours',
    p_person text DEFAULT NULL
)
RETURNS TABLE (session_id text, person text, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF coalesce(octet_length(p_code_hash) <> 32, TRUE) THEN
        RAISE EXCEPTION 'p_code_hash has % bytes', coalesce(octet_length(p_code_hash), 0)
            USING ERRCODE = 'KH007', HINT = 'Pass the SHA-256 of a code of 32 random bytes.';
    ELSIF cardinality(p_org_ids) NOT BETWEEN 1 AND 100
        OR (SELECT bool_or(khala_internal.is_org_id(o.org_id) IS NOT TRUE) FROM unnest(p_org_ids) AS o (org_id)) THEN
        RAISE EXCEPTION 'p_org_ids has % organisations', cardinality(p_org_ids)
            USING ERRCODE = 'KH007', HINT = 'Name 1 to 100, each with 1 to 200 characters; null is for any.';
    ELSIF NOT khala_internal.is_org_id(p_first_org_id) OR NOT p_first_org_id = ANY(p_org_ids) THEN
        RAISE EXCEPTION 'p_first_org_id is %', quote_literal(left(p_first_org_id, 200))
            USING ERRCODE = 'KH007', HINT = 'Name one of the organisations that the link is for, with 1 to 200 characters.';
    ELSIF coalesce(p_valid_for NOT BETWEEN INTERVAL '60 seconds' AND INTERVAL '9600 hours', TRUE) THEN
        RAISE EXCEPTION 'p_valid_for is %', coalesce(p_valid_for::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 60 seconds to 9600 hours; the default is 12 hours.';
    ELSIF length(p_person) NOT BETWEEN 1 AND 400 THEN
        RAISE EXCEPTION 'p_person has % characters', length(p_person)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 400 characters, as a flag names the person; null is for the login.';
    END IF;
    DELETE FROM runtime.page_sessions AS s WHERE s.expires_at <= clock_timestamp();
    IF (SELECT count(*) >= 1000 FROM runtime.page_sessions) THEN
        RAISE EXCEPTION 'there are 1000 links and sessions of the admin page'
            USING ERRCODE = 'KH007', HINT = 'End those that nobody needs: khala page --list, khala page --end ID.';
    END IF;
    RETURN QUERY
    INSERT INTO runtime.page_sessions AS s (session_id, code_hash, person, org_ids, first_org_id, valid_for, expires_at)
    VALUES (
        replace(gen_random_uuid()::text, '-', ''), p_code_hash, coalesce(p_person, session_user), p_org_ids,
        p_first_org_id, p_valid_for, clock_timestamp() + INTERVAL '10 minutes'
    )
    RETURNING s.session_id, s.person, s.expires_at;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'the code is in use' USING ERRCODE = 'KH007', HINT = 'Pass the SHA-256 of a code of 32 fresh random bytes.';
END
$$;

COMMENT ON FUNCTION khala.create_page_link(bytea, text[], text, interval, text) IS
'Creates a link to the admin page, which opens one session within ten minutes. Arguments: SHA-256 of its code; organisations that the session is for, null for any and the whole installation; organisation to show first; length of the session; the person who signs in, which is the subject of its tokens, null for the login''s name. Result: id of the link and of its session; the person; time until which it can be used. Errors: KH007.';
REVOKE ALL ON FUNCTION khala.create_page_link(bytea, text[], text, interval, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.create_page_link(bytea, text[], text, interval, text) TO khala_dba;
