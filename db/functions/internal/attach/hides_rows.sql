-- Whether row security may hide rows of a table from the reader: the rule for reading it, and for saying what has changed
-- since it was attached. A policy that is true shows every row, unless a restrictive one takes some away.

CREATE OR REPLACE FUNCTION khala_internal.hides_rows(p_relation oid)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT row_security_active(p_relation) AND (
    EXISTS (
        SELECT FROM pg_policy AS p
        CROSS JOIN LATERAL unnest(p.polroles) AS r (role_id)
        WHERE p.polrelid = p_relation AND NOT p.polpermissive AND p.polcmd IN ('r', '*')
            AND (r.role_id = 0 OR pg_has_role('khala_owner', r.role_id, 'USAGE'))
    )
    OR NOT EXISTS (
        SELECT FROM pg_policy AS p
        WHERE p.polrelid = p_relation AND p.polname = 'khala_attach' AND p.polpermissive
            AND p.polroles = ARRAY['khala_owner'::regrole::oid]
    )
)
$$;

COMMENT ON FUNCTION khala_internal.hides_rows(oid) IS
'Internal: whether row security may hide rows of a table from khala_owner, as whom it is called. Argument: the table. Result: true where its policy khala_attach is missing or for others, or a restrictive one is for khala_owner. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.hides_rows(oid) FROM public;
