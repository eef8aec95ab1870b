-- Organisation that owns the documents of what belongs to no owner: the pause, credentials, deployments of several
-- owners.

CREATE OR REPLACE FUNCTION khala_internal.lightning_operators()
RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT coalesce((SELECT g.operators_org_id FROM lightning.security_global AS g), 'operators');
END;

COMMENT ON FUNCTION khala_internal.lightning_operators() IS
'Internal: organisation of the operators, set by lightning.set_operators. Result: the organisation. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.lightning_operators() FROM public;
