-- The lock that writers of a grouped topic hold together until their transactions end, and that nobody else can have
-- meanwhile. Bound when created and without a SET clause, so that it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.staging_lock_key(p_topic text)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended('khala staging ' || p_topic, 0);

COMMENT ON FUNCTION khala_internal.staging_lock_key(text) IS
'Internal: key of the advisory lock that is shared by the transactions that stage writes to a topic. Argument: the topic. Result: the key. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.staging_lock_key(text) FROM public;
