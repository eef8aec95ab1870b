-- Stages documents of a grouped topic: the writer inserts rows, and khala.sequence takes them once they are
-- committed. Writers do not wait for each other: the advisory lock is shared, and the topic's row is only read. The
-- lock comes first. A transaction that takes it exclusively, to sleep or to make the topic direct, finds every
-- earlier write committed, and every later writer reads what that transaction changed.
--
-- A logical copy has the rows but not the position that the sequence had come to. A write below `settled` would never
-- be sequenced, so a sequence that is behind it, or was never used, is moved on first. To compare with the staged rows
-- as well took 9 of 110 µs a write; khala.new_epoch, with which a copy begins, does so.

CREATE OR REPLACE FUNCTION khala_internal.stage_documents(
    p_topic text,
    p_max_staged integer,
    p_doc_keys text[],
    p_doc_versions bigint[],
    p_org_ids text[],
    p_payloads jsonb[],
    p_deleted boolean[],
    p_canonical text[],
    p_hashes bytea[]
)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_sees_current boolean := current_setting('transaction_isolation') = 'read committed';
    v_positions regclass;
    v_full_from bigint;
    v_given_out bigint;
    v_armed boolean;
    v_is_attached boolean;
BEGIN
    -- A transaction id before any position: khala.sequence infers from it which positions are decided. Neither is
    -- ever null; a condition costs less than the query that PERFORM would make of it.
    IF pg_current_xact_id() IS NULL
        OR pg_advisory_xact_lock_shared(khala_internal.staging_lock_key(p_topic)) IS NULL
    THEN
        RETURN FALSE;
    END IF;
    IF NOT v_sees_current THEN
        -- A snapshot from before the lock may show as grouped a topic that no longer is; the row lock then raises an
        -- error.
        PERFORM FROM runtime.sync_topics AS t WHERE t.topic = p_topic FOR SHARE;
    END IF;
    SELECT
        s.positions, s.settled + s.taken + p_max_staged, s.armed,
        greatest(s.settled, s.next_settled),
        p_doc_versions IS NOT NULL AND EXISTS (SELECT FROM runtime.attachments AS a WHERE a.topic = p_topic)
    INTO v_positions, v_full_from, v_armed, v_given_out, v_is_attached
    FROM runtime.sync_topic_staging AS s WHERE s.topic = p_topic;
    IF NOT FOUND THEN
        RETURN FALSE;
    END IF;
    -- Its documents are made of its rows: a staged one would be lost in silence.
    IF v_is_attached THEN
        RAISE EXCEPTION 'documents of topic % are the rows of an attached table', p_topic
            USING ERRCODE = 'KH008',
                HINT = format('Write to the table, which khala.attachments names, or call khala.detach(%L) first.', p_topic);
    END IF;
    IF (pg_sequence_last_value(v_positions) >= v_given_out) IS NOT TRUE THEN
        PERFORM khala_internal.skip_positions(p_topic);
    END IF;
    IF coalesce(pg_sequence_last_value(v_positions), 0) + cardinality(p_doc_keys) > v_full_from
        AND cardinality(p_doc_keys) > 0
    THEN
        RAISE EXCEPTION 'topic % allows % staged writes and has no room for % more',
            p_topic, p_max_staged, cardinality(p_doc_keys)
            USING ERRCODE = 'KH011',
                DETAIL = json_build_object('topic', p_topic, 'max_staged_writes', p_max_staged),
                HINT = CASE
                    WHEN cardinality(p_doc_keys) > p_max_staged
                        THEN 'Write at most ' || p_max_staged || ' documents at once.'
                    ELSE 'Wait and retry. If nothing sequences the topic, start a relay or call khala.sequence.'
                END;
    END IF;

    INSERT INTO runtime.sync_staged_writes (
        topic, position, doc_version, deleted, doc_key, org_id, traceparent, payload_hash, canonical, payload
    )
    SELECT
        p_topic, nextval(v_positions), w.doc_version, w.deleted, w.doc_key, w.org_id, khala_internal.traceparent(),
        w.payload_hash, w.canonical, w.payload
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted, p_canonical, p_hashes)
        AS w (doc_key, doc_version, org_id, payload, deleted, canonical, payload_hash);
    -- An older snapshot may not show the current flag.
    IF v_armed OR NOT v_sees_current THEN
        PERFORM pg_notify('khala_sync', 'staged:' || p_topic);
    END IF;
    RETURN TRUE;
END
$$;

COMMENT ON FUNCTION khala_internal.stage_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[], text[], bytea[]) IS
'Internal: stages checked documents of a grouped topic. Arguments: topic; limit of staged writes; keys; versions (no array: keys of changed rows of an attached table); owners; payloads; tombstone flags; canonical JSON and hashes (null for a tombstone). Result: false, with nothing staged, when the topic is not grouped (any more). Errors: KH008 documents for a topic with an attached table; KH011 too many staged writes; 40001 when the topic changed since the transaction''s snapshot.';
REVOKE ALL ON FUNCTION khala_internal.stage_documents(text, integer, text[], bigint[], text[], jsonb[], boolean[], text[], bytea[]) FROM public;
