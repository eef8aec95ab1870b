-- Moves ended runs into the archive, a page at a time: run and events go to tables that nothing reads, and the document
-- becomes a tombstone. A run that its writer or another caller has locked, or that has moved on since it was looked at, is
-- left alone. Events go first and the topic's lock comes last, so that writers of the topic wait only for the tombstones.

CREATE OR REPLACE FUNCTION khala.archive_runs(
    p_before timestamptz,
    p_after_id text DEFAULT NULL,
    p_limit integer DEFAULT 100,
    p_dry_run boolean DEFAULT FALSE,
    OUT runs bigint,
    OUT events bigint,
    OUT last_id text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- As khala.mark_lost_runs.
SET lock_timeout = '500ms'
AS $$
DECLARE
    v_topic text := (SELECT p.topic FROM khala_internal.projection_of('run') AS p);
    v_looked_at text[];
    v_ids text[];
    v_seqs bigint[];
    v_summaries jsonb[];
    v_archived text[];
BEGIN
    IF p_before IS NULL THEN
        RAISE EXCEPTION 'p_before is NULL'
            USING ERRCODE = 'KH007', HINT = 'Name a moment: runs whose last event is older are archived, if they have ended.';
    ELSIF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000 runs; the default is 100.';
    END IF;
    runs := 0;
    events := 0;
    v_looked_at := ARRAY(
        SELECT e.id FROM runtime.entities AS e
        WHERE e.kind = 'run' AND e.id > coalesce(p_after_id, '')
        ORDER BY e.id
        LIMIT p_limit
    );
    last_id := v_looked_at[cardinality(v_looked_at)];

    SELECT array_agg(s.id ORDER BY s.id), array_agg(s.latest_seq ORDER BY s.id), array_agg(s.summary ORDER BY s.id),
        count(*), coalesce(sum(s.latest_seq), 0)
    INTO v_ids, v_seqs, v_summaries, runs, events
    FROM khala_internal.summarize_entities('run', v_looked_at) AS s
    INNER JOIN runtime.entity_events AS v ON v.kind = 'run' AND s.id = v.id AND s.latest_seq = v.seq
    WHERE v.recorded_at < p_before AND (s.summary ->> 'finished_at' IS NOT NULL OR s.summary ->> 'status' = 'lost');
    -- A null archives nothing.
    IF runs = 0 OR p_dry_run IS NOT FALSE THEN
        RETURN;
    END IF;

    v_archived := ARRAY(
        SELECT e.id
        FROM unnest(v_ids, v_seqs) AS c (id, seq)
        INNER JOIN runtime.entities AS e ON e.kind = 'run' AND c.id = e.id AND c.seq = e.latest_seq
        ORDER BY e.id
        FOR UPDATE OF e SKIP LOCKED
    );
    runs := cardinality(v_archived);
    events := 0;
    IF runs = 0 THEN
        RETURN;
    END IF;
    INSERT INTO runtime.archived_runs (id, org_id, latest_seq, unnumbered_count, created_at, summary)
    SELECT e.id, e.org_id, e.latest_seq, e.unnumbered_count, e.created_at, c.summary
    FROM unnest(v_ids, v_summaries) AS c (id, summary)
    INNER JOIN runtime.entities AS e ON e.kind = 'run' AND c.id = e.id
    WHERE e.id = ANY(v_archived);
    INSERT INTO runtime.archived_run_events (run_id, seq, occurred_at, recorded_at, event_type, payload)
    SELECT v.id, v.seq, v.occurred_at, v.recorded_at, v.event_type, v.payload
    FROM runtime.entity_events AS v
    WHERE v.kind = 'run' AND v.id = ANY(v_archived);
    DELETE FROM runtime.entity_events AS v WHERE v.kind = 'run' AND v.id = ANY(v_archived);
    GET DIAGNOSTICS events = ROW_COUNT;
    DELETE FROM runtime.projection_checkpoints AS c
    USING khala_internal.projection_of('run') AS p
    WHERE c.projection = p.projection AND c.entity_id = ANY(v_archived);
    DELETE FROM runtime.entities AS e WHERE e.kind = 'run' AND e.id = ANY(v_archived);
    PERFORM khala.sink_batch(v_topic, (
        SELECT jsonb_agg(
            jsonb_build_object('doc_key', a.summary -> 'document_id', 'deleted', TRUE, 'org_id', a.org_id) ORDER BY a.id
        )
        FROM runtime.archived_runs AS a
        WHERE a.id = ANY(v_archived)
    ));
END
$$;

COMMENT ON FUNCTION khala.archive_runs(timestamptz, text, integer, boolean) IS
'Moves ended runs into runtime.archived_runs, with their events in runtime.archived_run_events; their documents become tombstones. Call it with the last_id of the page before until it is null. Arguments: moment before which the last event was recorded; last id of the page before (null: from the start); number of runs to look at, 1 to 10000; whether only to count. Result: number of runs archived, of their events, last id of the page (null: there was none left to look at). Errors: KH007; 55P03 when a writer holds the topic for half a second, and nothing is archived; those of khala.sink_batch.';
REVOKE ALL ON FUNCTION khala.archive_runs(timestamptz, text, integer, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.archive_runs(timestamptz, text, integer, boolean) TO khala_dba;
