-- Removes cycles with all that belongs to them. No foreign key does it: a session that replicates fires none.

CREATE OR REPLACE FUNCTION khala_internal.forget_parity_cycles(p_cycles bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM runtime.parity_samples AS s WHERE s.cycle = ANY (p_cycles);
    DELETE FROM runtime.parity_counts AS n WHERE n.cycle = ANY (p_cycles);
    DELETE FROM runtime.parity_mismatches AS m WHERE m.cycle = ANY (p_cycles);
    DELETE FROM runtime.parity_cycles AS c WHERE c.cycle = ANY (p_cycles);
END
$$;

COMMENT ON FUNCTION khala_internal.forget_parity_cycles(bigint[]) IS
'Removes parity cycles, their samples, counts and mismatches. Argument: their numbers; unknown ones are left out. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.forget_parity_cycles(bigint[]) FROM public;
