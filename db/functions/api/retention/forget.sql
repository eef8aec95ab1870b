-- Forgetting of one document, for a request of erasure. It is deleted as khala.sink_delete does, and each of its rows in
-- the journal becomes a tombstone without content, at its watermark and version: the journal stays without holes, and a
-- client that catches up receives deletions in place of versions. Staged writes of it are removed, as if they had been
-- rolled back.
--
-- The journal has no index by key. Its rows are emptied before the topic is locked, so that writers wait only for those
-- that came since.

CREATE OR REPLACE FUNCTION khala.forget(
    p_topic text,
    p_doc_key text,
    OUT watermark bigint,
    OUT journal_rows bigint,
    OUT staged_writes bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_attached boolean;
    v_is_stored boolean;
    v_emptied bigint;
    v_head bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'transaction_isolation is %', current_setting('transaction_isolation')
            USING ERRCODE = 'KH007', HINT = 'Call khala.forget in a READ COMMITTED transaction: it must see what is committed now.';
    END IF;
    SELECT s.head_watermark INTO v_head
    FROM runtime.sync_topics AS t
    INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
    WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    ELSIF p_doc_key IS NULL THEN
        RAISE EXCEPTION 'p_doc_key is NULL' USING ERRCODE = 'KH007', HINT = 'Name the document.';
    ELSIF khala_internal.is_own_topic(p_topic) THEN
        RAISE EXCEPTION 'documents of topic % cannot be forgotten: functions of Khala make them of a history', p_topic
            USING ERRCODE = 'KH008', HINT = 'The history is append-only; see docs/howto/forget.md.';
    END IF;

    UPDATE runtime.sync_stream_events AS e
    SET deleted = TRUE, payload = NULL, payload_hash = NULL, payload_bytes = 0, traceparent = NULL
    WHERE e.topic = p_topic AND e.doc_key = p_doc_key AND e.watermark <= v_head AND NOT e.deleted;
    GET DIAGNOSTICS journal_rows = ROW_COUNT;

    -- In the order of khala.set_topic_writes.
    PERFORM pg_advisory_xact_lock(khala_internal.staging_lock_key(p_topic));
    PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic));
    v_is_attached := EXISTS (SELECT FROM runtime.attachments AS a WHERE a.topic = p_topic);
    v_is_stored := EXISTS (
        SELECT FROM runtime.sync_documents AS d
        WHERE d.topic = p_topic AND d.doc_key = p_doc_key AND NOT d.deleted
    );
    staged_writes := 0;
    IF v_is_attached AND (v_is_stored OR EXISTS (
        SELECT FROM runtime.sync_staged_writes AS w WHERE w.topic = p_topic AND w.doc_key = p_doc_key
    )) THEN
        RAISE EXCEPTION 'document % of topic % cannot be forgotten: its row is in the attached table, or was a moment ago', p_doc_key, p_topic
            USING ERRCODE = 'KH008', HINT = 'Delete the row, wait until the deletion is sequenced, and call this again.';
    ELSIF NOT v_is_attached THEN
        DELETE FROM runtime.sync_staged_writes AS w WHERE w.topic = p_topic AND w.doc_key = p_doc_key;
        GET DIAGNOSTICS staged_writes = ROW_COUNT;
    END IF;
    IF v_is_stored THEN
        SELECT s.watermarks[1] INTO watermark
        FROM khala_internal.store_documents(
            p_topic, ARRAY[p_doc_key], ARRAY[NULL::bigint], ARRAY[NULL::text], ARRAY[NULL::jsonb], ARRAY[TRUE],
            ARRAY[NULL::text], ARRAY[NULL::bytea]
        ) AS s;
    END IF;
    UPDATE runtime.sync_stream_events AS e
    SET deleted = TRUE, payload = NULL, payload_hash = NULL, payload_bytes = 0, traceparent = NULL
    WHERE e.topic = p_topic AND e.doc_key = p_doc_key AND e.watermark > v_head AND NOT e.deleted;
    GET DIAGNOSTICS v_emptied = ROW_COUNT;
    journal_rows := journal_rows + v_emptied;
    -- A reason may quote the document. Targets receive the tombstone. Publishers first, as in khala.publisher_report.
    PERFORM
    FROM runtime.publishers AS p
    WHERE p.publisher IN (SELECT t.publisher FROM runtime.publisher_topics AS t WHERE t.topic = p_topic)
    ORDER BY p.publisher
    FOR NO KEY UPDATE;
    UPDATE runtime.publishers AS p
    SET last_error = NULL
    WHERE p.last_error IS NOT NULL
        AND p.publisher IN (SELECT t.publisher FROM runtime.publisher_topics AS t WHERE t.topic = p_topic);
    UPDATE runtime.publisher_updates AS u
    SET error = NULL
    WHERE u.topic = p_topic AND u.doc_key = p_doc_key AND u.error IS NOT NULL;
    DELETE FROM runtime.publisher_set_aside AS a WHERE a.topic = p_topic AND a.doc_key = p_doc_key;
END
$$;

COMMENT ON FUNCTION khala.forget(text, text) IS
'Forgets a document for good: deletes it, turns each of its versions in the journal into a tombstone without content, and removes its staged writes, what publishers set aside of it, and the errors that they keep. Its key, versions, owners and times stay. To be called in a READ COMMITTED transaction. Arguments: topic; document key. Result: watermark of the deletion, null if the document was deleted before or never there; number of journal rows that were emptied, and of staged writes that were removed. Errors: KH001, KH007, KH008 functions of Khala make the topic''s documents, or the row is in an attached table.';
REVOKE ALL ON FUNCTION khala.forget(text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.forget(text, text) TO khala_dba;
