-- Types of the events that only Khala appends: writers do not know of them and number their events without them.

CREATE OR REPLACE FUNCTION khala_internal.own_event_types()
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY[
        'run.lost', 'worker.lost', 'worker.stale', 'worker.requested', 'worker.stop_requested', 'worker.acknowledged'
    ];
END
$$;

COMMENT ON FUNCTION khala_internal.own_event_types() IS
'Types of events that only Khala appends. Arguments: none. Result: the types. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.own_event_types() FROM public;
