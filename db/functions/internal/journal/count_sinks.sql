-- Counts sink outcomes that no row records. Sequences need no lock, are not rolled back and, unlogged, write nothing
-- that a commit waits for. A sink that writes nothing also succeeds in a read-only transaction, where it is not
-- counted.

CREATE OR REPLACE FUNCTION khala_internal.count_sinks(p_outcome text, p_count integer)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_sequence regclass := 'runtime.sync_sinks_' || p_outcome;
    v_counted bigint;
BEGIN
    IF current_setting('transaction_read_only') = 'on' THEN
        RETURN NULL;
    END IF;
    FOR v_place IN 1 .. p_count LOOP
        v_counted := nextval(v_sequence);
    END LOOP;
    RETURN v_counted;
END
$$;

COMMENT ON FUNCTION khala_internal.count_sinks(text, integer) IS
'Internal: counts sinks. Arguments: their outcome, one of khala.sink_stats; their number. Result: the count since the server last recovered; null if none was counted, as in a read-only transaction. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.count_sinks(text, integer) FROM public;
