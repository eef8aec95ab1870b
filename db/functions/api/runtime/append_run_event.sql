-- Appends one event to the history of a run and projects its summary in the same transaction.

CREATE OR REPLACE FUNCTION khala.append_run_event(
    p_run_id text,
    p_event_type text,
    p_payload jsonb DEFAULT '{}',
    p_org_id text DEFAULT NULL,
    p_seq bigint DEFAULT NULL,
    p_occurred_at timestamptz DEFAULT NULL
)
RETURNS TABLE (seq bigint, outcome text, watermark bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT a.seq, a.outcome, a.watermark
FROM khala_internal.append_event('run', p_run_id, p_event_type, p_payload, p_org_id, p_seq, p_occurred_at) AS a;
$$;

COMMENT ON FUNCTION khala.append_run_event(text, text, jsonb, text, bigint, timestamptz) IS
'Appends an event to a run and projects its summary. Arguments: run id, event type (such as run.started), payload object, owner organisation (fixed by the first event; NULL keeps it, at first: public), sequence number to append at (NULL: the next one), time (NULL: now). Result: sequence number, appended or duplicate (there already with the same content; nothing is written), watermark of the summary. Errors: KH004 payload above 1 MiB, KH005 payload not I-JSON, KH007 invalid argument, KH009 gap, conflict or another owner.';
REVOKE ALL ON FUNCTION khala.append_run_event(text, text, jsonb, text, bigint, timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION khala.append_run_event(text, text, jsonb, text, bigint, timestamptz) TO khala_runtime;
