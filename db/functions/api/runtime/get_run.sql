-- One run of an organisation, and the last lines of its output. These stay out of the document, which every subscriber
-- gets with every change: they stand in the events of the run's writer.

CREATE OR REPLACE FUNCTION khala.get_run(p_org_id text, p_run_id text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_found jsonb;
    v_lines jsonb;
BEGIN
    SELECT jsonb_build_object(
        'run', d.payload || jsonb_build_object('projection_lag', e.latest_seq - (d.payload ->> 'latest_seq')::bigint),
        'version', d.doc_version
    )
    INTO v_found
    FROM runtime.entities AS e
    INNER JOIN runtime.sync_documents AS d
        ON d.topic = 'runtime.run_summaries' AND d.doc_key = 'runtime/run_summary:' || e.id AND NOT d.deleted
    WHERE e.kind = 'run' AND e.id = p_run_id AND e.org_id = p_org_id;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_entity('run', p_run_id);
    END IF;

    -- Of the newest event that has them, since the run last started.
    SELECT v.payload -> 'last_lines' INTO v_lines
    FROM unnest(ARRAY['progress', 'finished', 'failed', 'cancelled', 'stopped']) AS t (verb)
    CROSS JOIN LATERAL (
        SELECT w.seq, w.payload
        FROM runtime.entity_events AS w
        WHERE w.kind = 'run' AND w.id = p_run_id AND w.event_type = 'run.' || t.verb
        ORDER BY -w.seq
        LIMIT 1
    ) AS v
    WHERE jsonb_typeof(v.payload -> 'last_lines') = 'array'
        AND v.seq > coalesce((
            SELECT s.seq
            FROM runtime.entity_events AS s
            WHERE s.kind = 'run' AND s.id = p_run_id AND s.event_type = 'run.started'
            ORDER BY -s.seq
            LIMIT 1
        ), 0)
    ORDER BY v.seq DESC
    LIMIT 1;
    -- A writer may report the last line only.
    v_lines := coalesce(v_lines, jsonb_path_query_array(v_found, '$.run.progress.last_line'));
    RETURN v_found || jsonb_build_object('last_lines', (
        SELECT coalesce(jsonb_agg(left(l.line #>> '{}', 500) ORDER BY l.number), '[]')
        FROM jsonb_array_elements(v_lines) WITH ORDINALITY AS l (line, number)
        WHERE jsonb_typeof(l.line) = 'string' AND l.number > jsonb_array_length(v_lines) - 20
    ));
END
$$;

COMMENT ON FUNCTION khala.get_run(text, text) IS
'A run of an organisation. Arguments: organisation; id of the run. Result: {"run": document with projection_lag; "version": that of the document; "last_lines": of its output since it last started, at most 20 of at most 500 characters}. Errors: KH023 the organisation has no such run.';
REVOKE ALL ON FUNCTION khala.get_run(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.get_run(text, text) TO khala_relay;
