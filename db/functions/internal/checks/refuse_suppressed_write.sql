-- Raises the error for a write that a trigger or rule on the read model suppressed, which would leave the read
-- model behind its journal.

CREATE OR REPLACE FUNCTION khala_internal.refuse_suppressed_write(p_topic text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'a trigger or rule suppressed a write to the read model of topic %', p_topic
        USING ERRCODE = 'KH010',
            HINT = 'Remove the trigger or rule on runtime.sync_documents that suppresses rows.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_suppressed_write(text) IS
'Internal: raises the error for a write to the read model that a trigger or rule suppressed. Argument: its topic. Errors: KH010.';
REVOKE ALL ON FUNCTION khala_internal.refuse_suppressed_write(text) FROM public;
