-- Refuses a run or a codex worker that is not the caller's: it looks the same as one that does not exist.

CREATE OR REPLACE FUNCTION khala_internal.refuse_entity(p_kind text, p_id text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no % % of this organisation',
        replace(p_kind, '_', ' '), coalesce(quote_literal(left(p_id, 200)), 'NULL')
        USING ERRCODE = 'KH023', HINT = 'Use an id that the documents of the organisation have.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_entity(text, text) IS
'Raises the error for an entity that an organisation does not own: unknown, public, or of another one. Arguments: entity kind; its id. Errors: KH023.';
REVOKE ALL ON FUNCTION khala_internal.refuse_entity(text, text) FROM public;
