-- Rules for an event of any entity, the same for one event and for a batch.

CREATE OR REPLACE FUNCTION khala_internal.check_event(
    p_kind text,
    p_id text,
    p_event_type text,
    p_payload jsonb,
    p_org_id text,
    p_seq bigint,
    p_occurred_at timestamptz
)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('run', 'codex_worker') THEN
        RAISE EXCEPTION 'entity kind % is not known', coalesce(quote_literal(left(p_kind, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use run or codex_worker.';
    ELSIF p_id IS NULL OR length(p_id) NOT BETWEEN 1 AND 400 THEN
        RAISE EXCEPTION 'id of the % is %', p_kind,
            CASE WHEN p_id IS NULL THEN 'NULL' ELSE length(p_id) || ' characters long' END
            USING ERRCODE = 'KH007', HINT = 'Use an id of 1 to 400 characters.';
    ELSIF p_event_type IS NULL OR length(p_event_type) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'event type is %',
            CASE WHEN p_event_type IS NULL THEN 'NULL' ELSE length(p_event_type) || ' characters long' END
            USING ERRCODE = 'KH007', HINT = 'Use a type of 1 to 200 characters, such as run.started.';
    ELSIF p_event_type = ANY (khala_internal.own_event_types()) THEN
        RAISE EXCEPTION 'event type is %, which is Khala''s own', p_event_type
            USING ERRCODE = 'KH007', HINT = 'Leave it out: khala.mark_lost_runs, khala.mark_stale_workers and the API of codex workers append it.';
    ELSIF NOT khala_internal.is_org_id(p_org_id) THEN
        RAISE EXCEPTION 'organisation id is % characters long', length(p_org_id)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters, or NULL for a public entity.';
    ELSIF p_seq < 1 THEN
        RAISE EXCEPTION 'sequence number % is below 1', p_seq
            USING ERRCODE = 'KH007', HINT = 'Events of an entity count 1, 2, 3 …';
    ELSIF p_occurred_at NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
        RAISE EXCEPTION 'occurred_at of the event is %', p_occurred_at
            USING ERRCODE = 'KH007', HINT = 'Use a time in the years 1 to 9999.';
    END IF;
    PERFORM khala_internal.check_event_payload(p_payload);
END
$$;

COMMENT ON FUNCTION khala_internal.check_event(text, text, text, jsonb, text, bigint, timestamptz) IS
'Refuses an event that breaks a rule. Arguments: entity kind, its id, event type, payload, organisation (NULL: none given), sequence number (NULL: to be allocated), time (NULL: now). Errors: KH004 payload above 1 MiB, KH005 payload not an I-JSON object, KH007 anything else.';
REVOKE ALL ON FUNCTION khala_internal.check_event(text, text, text, jsonb, text, bigint, timestamptz) FROM public;
