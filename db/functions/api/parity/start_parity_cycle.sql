-- Starts a comparison with the legacy backend: takes a sample and keeps what Khala holds of it, before the caller reads
-- the other side. What the caller then reads must be this or something later. Removes cycles whose process was killed.

CREATE OR REPLACE FUNCTION khala.start_parity_cycle(p_topics text[], p_sample integer DEFAULT 100)
RETURNS TABLE (cycle bigint, topic text, doc_keys text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_topic text;
    v_cycle bigint;
BEGIN
    IF p_sample IS NULL OR p_sample NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'p_sample is %', coalesce(p_sample::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 1000 documents of each topic.';
    END IF;
    IF coalesce(cardinality(p_topics), 0) NOT BETWEEN 1 AND 100 OR array_position(p_topics, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'p_topics names % topics', coalesce(cardinality(p_topics), 0)
            USING ERRCODE = 'KH007', HINT = 'Name 1 to 100 topics, none of them NULL.';
    END IF;
    FOREACH v_topic IN ARRAY p_topics LOOP
        IF NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = v_topic) THEN
            PERFORM khala_internal.refuse_topic(v_topic);
        END IF;
    END LOOP;

    PERFORM khala_internal.forget_parity_cycles(ARRAY(
        SELECT c.cycle FROM runtime.parity_cycles AS c
        WHERE c.finished_at IS NULL AND c.started_at < clock_timestamp() - interval '1 hour'
    ));
    INSERT INTO runtime.parity_cycle_totals AS t (outcome, cycles) VALUES ('started', 1)
    ON CONFLICT (outcome) DO UPDATE SET cycles = t.cycles + 1
    RETURNING t.cycles INTO v_cycle;
    INSERT INTO runtime.parity_cycles (cycle, sampled) VALUES (v_cycle, 0);

    INSERT INTO runtime.parity_samples AS s (cycle, topic, doc_key, watermark, doc_version, seq, bare_hash)
    SELECT v_cycle, l.topic, l.doc_key, l.watermark, l.doc_version, l.seq, l.bare_hash
    FROM (
        SELECT array_agg(t.topic) AS topics, array_agg(k.doc_key) AS doc_keys
        FROM (SELECT DISTINCT u.topic FROM unnest(p_topics) AS u (topic)) AS t
        CROSS JOIN LATERAL khala_internal.parity_sample(t.topic, p_sample) AS k
    ) AS chosen
    CROSS JOIN LATERAL khala_internal.parity_look(chosen.topics, chosen.doc_keys) AS l;

    UPDATE runtime.parity_cycles AS c
    SET sampled = (SELECT count(*) FROM runtime.parity_samples AS s WHERE s.cycle = v_cycle)
    WHERE c.cycle = v_cycle;
    RETURN QUERY
    SELECT v_cycle, t.topic, ARRAY(
        SELECT s.doc_key FROM runtime.parity_samples AS s
        WHERE s.cycle = v_cycle AND s.topic = t.topic
        ORDER BY s.doc_key
    )
    FROM (SELECT DISTINCT u.topic FROM unnest(p_topics) AS u (topic)) AS t
    ORDER BY t.topic;
END
$$;

COMMENT ON FUNCTION khala.start_parity_cycle(text[], integer) IS
'Takes a sample to compare with the legacy backend. Arguments: topics; most documents of each, 1 to 1000. Result: per topic the number of the cycle and the keys of the sample: half of them last changed, the rest at random. Read them from the legacy backend after this call, pass what it holds to khala.judge_parity, and end with khala.finish_parity_cycle. Errors: KH001, KH007.';
REVOKE ALL ON FUNCTION khala.start_parity_cycle(text[], integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.start_parity_cycle(text[], integer) TO khala_dba;
