-- History of a run after a sequence number.

CREATE OR REPLACE FUNCTION khala.list_run_events(
    p_org_id text, p_run_id text, p_after bigint DEFAULT 0, p_limit integer DEFAULT 100
)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN khala_internal.entity_events('run', p_org_id, p_run_id, p_after, p_limit);
END
$$;

COMMENT ON FUNCTION khala.list_run_events(text, text, bigint, integer) IS
'Events of a run. Arguments: organisation; id of the run; sequence number after which to begin; most events of a page, 1 to 1000; a page ends after 1 MiB. Result: {"events": [{"seq", "type", "payload", "occurred_at", "recorded_at"}], "next_after": for the next page, "latest_seq"}; there is more where next_after is below latest_seq. Errors: KH020; KH023 the organisation has no such run.';
REVOKE ALL ON FUNCTION khala.list_run_events(text, text, bigint, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.list_run_events(text, text, bigint, integer) TO khala_relay;
