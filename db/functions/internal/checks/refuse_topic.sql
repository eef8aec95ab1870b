-- Raises the error for unknown topics, in the same words for every caller.

CREATE OR REPLACE FUNCTION khala_internal.refuse_topic(VARIADIC p_topics text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'topic % is not known', coalesce(quote_literal(left(p_topics[1], 200)), 'NULL')
        USING ERRCODE = 'KH001',
            DETAIL = json_build_object('unknown_topics', (SELECT array_agg(left(n.name, 255)) FROM unnest(p_topics) AS n (name))),
            HINT = 'Register it with khala.register_topic; khala.topic_stats lists the registered ones.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_topic(text[]) IS
'Internal: raises the error for unknown topics. Argument: their names; the message names the first. Errors: KH001.';
REVOKE ALL ON FUNCTION khala_internal.refuse_topic(text[]) FROM public;
