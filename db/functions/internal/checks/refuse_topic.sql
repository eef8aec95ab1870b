-- Says that a topic is not known, in the same words wherever it is found out.

CREATE OR REPLACE FUNCTION khala_internal.refuse_topic(p_topic text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'topic % is not known', coalesce(quote_literal(left(p_topic, 200)), 'NULL')
        USING ERRCODE = 'KH001',
            HINT = 'Register it with khala.register_topic; khala.topic_stats lists those there are.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_topic(text) IS
'Internal: raises the error for an unknown topic. Argument: its name. Errors: KH001.';
REVOKE ALL ON FUNCTION khala_internal.refuse_topic(text) FROM public;
