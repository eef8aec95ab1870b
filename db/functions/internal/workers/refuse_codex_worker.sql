-- Refuses a codex worker that is not the caller's: it looks the same as one that does not exist.

CREATE OR REPLACE FUNCTION khala_internal.refuse_codex_worker(p_worker_id text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no codex worker % of this organisation',
        coalesce(quote_literal(left(p_worker_id, 200)), 'NULL')
        USING ERRCODE = 'KH023', HINT = 'List the organisation''s workers.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_codex_worker(text) IS
'Raises the error for a codex worker that an organisation does not own: unknown, public, or of another one. Argument: id of the worker. Errors: KH023.';
REVOKE ALL ON FUNCTION khala_internal.refuse_codex_worker(text) FROM public;
