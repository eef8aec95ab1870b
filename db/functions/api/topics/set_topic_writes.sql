-- Switches a topic between direct and grouped writes, while it is written to. Before it becomes direct, this
-- transaction sequences the staged writes: it waits until every transaction that has staged a write has ended; other
-- writers wait for it and then write directly.

CREATE OR REPLACE FUNCTION khala.set_topic_writes(p_topic text, p_writes text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_known runtime.sync_topics;
    v_new runtime.sync_topics;
    v_positions text;
    v_batch record;
    v_sequenced bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));
    SELECT t.* INTO v_known FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    v_new := v_known;
    v_new.writes := p_writes;
    PERFORM khala_internal.check_topic(v_new);
    IF v_known.writes = p_writes THEN
        RETURN 0;
    END IF;

    IF EXISTS (SELECT FROM runtime.attachments AS a WHERE a.topic = p_topic) THEN
        RAISE EXCEPTION 'topic % has an attached table, whose changes are staged', p_topic
            USING ERRCODE = 'KH008', HINT = format('Call khala.detach(%L) first.', p_topic);
    END IF;

    -- Both locks in this order: a writer that waited for the first and then finds the topic direct takes the second.
    -- Only a transaction that began before the topic became grouped, and writes to it again when it is about to be
    -- direct, can hold them in the other order, and ends as a deadlock.
    IF p_writes = 'direct' THEN
        PERFORM pg_advisory_xact_lock(khala_internal.staging_lock_key(p_topic));
        PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic));
        -- khala.sequence does not wait for this row.
        PERFORM FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic FOR NO KEY UPDATE;
        LOOP
            SELECT s.sequenced, s.state INTO v_batch FROM khala.sequence(p_topic, 10000) AS s;
            v_sequenced := v_sequenced + v_batch.sequenced;
            EXIT WHEN v_batch.state <> 'more';
        END LOOP;
        DELETE FROM runtime.sync_topic_staging AS s WHERE s.topic = p_topic;
    ELSE
        PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic));
        v_positions := 'runtime.' || quote_ident('sync_staged_' || substring(v_known.read_model FROM 6));
        IF to_regclass(v_positions) IS NULL THEN
            EXECUTE format('CREATE SEQUENCE %s OWNED BY runtime.sync_staged_writes.position', v_positions);
            EXECUTE format('COMMENT ON SEQUENCE %s IS %L', v_positions, 'Order of staged writes to ' || p_topic);
        END IF;
        INSERT INTO runtime.sync_topic_staging (topic, positions, settled)
        VALUES (p_topic, v_positions, coalesce(pg_sequence_last_value(v_positions), 0));
        -- Running relays start to sequence the topic.
        PERFORM pg_notify('khala_sync', 'staged:' || p_topic);
    END IF;
    UPDATE runtime.sync_topics AS t SET writes = p_writes WHERE t.topic = p_topic;
    RETURN v_sequenced;
END
$$;

COMMENT ON FUNCTION khala.set_topic_writes(text, text) IS
'Switches the writes of a topic between direct (watermark and outcome in the writer''s transaction) and grouped (staged, then sequenced: writers do not wait for each other). Arguments: topic; direct or grouped. Result: number of staged writes that were sequenced on the way to direct, for which the transaction must be READ COMMITTED. Errors: KH001, KH007, KH008 a table is attached to it, KH010.';
REVOKE ALL ON FUNCTION khala.set_topic_writes(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.set_topic_writes(text, text) TO khala_dba;
