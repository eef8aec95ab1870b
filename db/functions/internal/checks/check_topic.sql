-- Rules for the settings of a topic, in one place for registering and changing it.

CREATE OR REPLACE FUNCTION khala_internal.check_topic(p_topic runtime.sync_topics)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_topic.topic IS NULL OR p_topic.topic !~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*$' OR length(p_topic.topic) > 200 THEN
        RAISE EXCEPTION 'p_topic is %', coalesce(quote_literal(left(p_topic.topic, 200)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use lower-case words joined by dots, such as shop.orders, at most 200 characters; after a slash, a scope names what keys begin with.';
    END IF;
    IF p_topic.read_model !~ '^sync_[a-z][a-z0-9_]*$' OR length(p_topic.read_model) > 56 THEN
        RAISE EXCEPTION 'the name of the read model is %', quote_literal(left(p_topic.read_model, 200))
            USING ERRCODE = 'KH007',
                HINT = 'Pass p_read_model: sync_, a lower-case letter, then lower-case letters, digits or _, at most 56 characters.';
    END IF;
    IF p_topic.payload_mode IS NULL OR p_topic.payload_mode NOT IN ('inline', 'pointer', 'auto') THEN
        RAISE EXCEPTION 'p_payload_mode is %', coalesce(quote_literal(left(p_topic.payload_mode, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use inline, pointer or auto.';
    END IF;
    IF p_topic.inline_limit_bytes IS NULL OR p_topic.inline_limit_bytes NOT BETWEEN 1 AND 16777216 THEN
        RAISE EXCEPTION 'p_inline_limit_bytes is %', coalesce(p_topic.inline_limit_bytes::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 16777216 bytes; the default is 262144.';
    END IF;
    IF coalesce(NOT (p_topic.retention_horizon > '0' AND p_topic.retention_horizon <= '1000 years'), TRUE) THEN
        RAISE EXCEPTION 'p_retention_horizon is %', coalesce(p_topic.retention_horizon::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use a positive interval of at most 1000 years; the default is 7 days.';
    END IF;
    IF p_topic.ownership IS NULL OR p_topic.ownership NOT IN ('owned', 'public', 'mixed') THEN
        RAISE EXCEPTION 'p_ownership is %', coalesce(quote_literal(left(p_topic.ownership, 200)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use owned (each document names its organisation), public (none may, everyone sees all) or mixed (either).';
    END IF;
    IF p_topic.enum_name !~ '^SYNC_TOPIC_[A-Z0-9_]+$' OR length(p_topic.enum_name) > 200 THEN
        RAISE EXCEPTION 'p_enum_name is %', quote_literal(left(p_topic.enum_name, 200))
            USING ERRCODE = 'KH007', HINT = 'Use the name of the proto enum value, such as SYNC_TOPIC_SHOP_ORDERS, at most 200 characters.';
    END IF;
    IF p_topic.writes IS NULL OR p_topic.writes NOT IN ('direct', 'grouped') THEN
        RAISE EXCEPTION 'p_writes is %', coalesce(quote_literal(left(p_topic.writes, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use direct or grouped.';
    END IF;
    IF coalesce(p_topic.max_staged_writes < 1, TRUE) THEN
        RAISE EXCEPTION 'p_max_staged_writes is %', coalesce(p_topic.max_staged_writes::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 or more; the default is 100000.';
    END IF;
END
$$;

COMMENT ON FUNCTION khala_internal.check_topic(runtime.sync_topics) IS
'Internal: refuses a topic whose name or settings break a rule. Argument: the row of runtime.sync_topics that is to be written. Errors: KH007.';
REVOKE ALL ON FUNCTION khala_internal.check_topic(runtime.sync_topics) FROM public;
