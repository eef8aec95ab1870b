-- Key of the lock that writers of a grouped topic share until their transactions end, which keeps others from taking
-- it exclusively. Bound at creation and without a SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.staging_lock_key(p_topic text)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended('khala staging ' || p_topic, 0);

COMMENT ON FUNCTION khala_internal.staging_lock_key(text) IS
'Internal: key of the advisory lock shared by transactions that stage writes to a topic. Argument: the topic. Result: the key. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.staging_lock_key(text) FROM public;
