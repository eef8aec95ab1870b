-- Key of the lock in which the writers of a topic queue before they touch its row. Bound at creation and without a
-- SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.topic_lock_key(p_topic text)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended('khala topic ' || p_topic, 0);

COMMENT ON FUNCTION khala_internal.topic_lock_key(text) IS
'Internal: key of the advisory lock that a transaction takes before it locks the topic''s row. Argument: the topic. Result: the key. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.topic_lock_key(text) FROM public;
