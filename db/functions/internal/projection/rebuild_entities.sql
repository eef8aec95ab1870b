-- Rebuilds the summaries of some entities from their histories in one transaction: a reader sees the old summary
-- until it commits and the new one afterwards. The topic is locked first, so no document changes between the look
-- at its version and the write.

CREATE OR REPLACE FUNCTION khala_internal.rebuild_entities(p_kind text, p_ids text[])
RETURNS TABLE (id text, watermark bigint, outcome text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_topic text;
BEGIN
    -- The catalogue comes first, as for every writer. A migration that locks both tables would deadlock with a
    -- rebuild that takes the topic's row before the catalogue.
    SELECT t.topic INTO v_topic
    FROM khala_internal.projection_of(p_kind) AS p
    INNER JOIN runtime.sync_topics AS t ON p.topic = t.topic;

    PERFORM e.id FROM runtime.entities AS e
    WHERE e.kind = p_kind AND e.id = ANY (p_ids)
    ORDER BY e.id
    FOR NO KEY UPDATE;
    -- In the order of khala_internal.allocate_watermark, or the two would deadlock.
    PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(v_topic));
    PERFORM s.topic FROM runtime.sync_topic_sequences AS s
    WHERE s.topic = v_topic
    FOR NO KEY UPDATE;

    RETURN QUERY
    SELECT p.id, p.watermark, p.outcome FROM khala_internal.project_entities(p_kind, p_ids, TRUE) AS p;
END
$$;

COMMENT ON FUNCTION khala_internal.rebuild_entities(text, text[]) IS
'Rebuilds the summaries of some entities from history. Arguments: entity kind, ids (unknown ones are left out). Result: per entity the watermark and outcome of the new summary. Errors: KH007 unknown kind, and those of khala.sink_batch.';
REVOKE ALL ON FUNCTION khala_internal.rebuild_entities(text, text[]) FROM public;
