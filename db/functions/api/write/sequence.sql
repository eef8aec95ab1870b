-- Moves staged and committed writes into the topic, in the order of staging: one transaction gives a batch its
-- watermarks, read model and journal by the common write path. Only one caller sequences a topic at a time: the
-- advisory lock is the one in which direct writers queue, and is not waited for.
--
-- Positions are allocated before commit, so a lower one may become visible after a higher one. `settled` is the
-- position up to which that can no longer happen: everything up to it is committed or rolled back, and was taken. It
-- moves to the end of a batch once every transaction that existed at that time has ended; or, if an old unrelated one
-- remains, once every such transaction that has staged a write here has ended. It keeps look-ups away from rows that
-- vacuum has yet to remove. The positions allocated above it, minus those taken, are an upper bound of the staged
-- writes.
--
-- Sleeping: while this holds exclusively the lock that writers share, every staged write is visible. If there is
-- none, it sets the flag, and the next writer, which reads the flag after that lock, notifies. The flag is cleared
-- only together with a notification, so a sleeping relay is woken, whatever happens to the caller that cleared it.
--
-- A batch that cannot be written stays staged, and the topic waits for it: a write that is left out would change what
-- its later versions replace. With a limit of 1 the oldest staged write is the one that fails.
--
-- Of a topic with an attached table the keys of changed rows are staged. Their documents are made here, of the rows as
-- they are committed now, and so are those of the rows that were there before it was attached.

CREATE OR REPLACE FUNCTION khala.sequence(p_topic text, p_limit integer DEFAULT 500, p_sleep boolean DEFAULT FALSE)
RETURNS TABLE (sequenced integer, state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
-- A caller works for many topics, and one whose documents are locked must not keep it from the others. Below
-- deadlock_timeout: in a deadlock the other transaction goes on.
SET lock_timeout = '500ms'
AS $$
#variable_conflict use_column
DECLARE
    v_max_bytes CONSTANT bigint := 4194304;
    -- Limit of deleted rows that are still read: 40,000 of them, left by one old transaction, made a call take 26 ms.
    v_most_taken CONSTANT bigint := 5000;
    -- A transaction that wrote before may be older than writers whose positions are read here.
    v_is_new boolean := pg_current_xact_id_if_assigned() IS NULL;
    v_ownership text;
    v_attachment runtime.attachments;
    v_is_backfilling boolean;
    v_staging runtime.sync_topic_staging;
    v_is_settled boolean;
    v_positions bigint[];
    v_until bigint;
    v_refused integer;
    v_found integer;
    v_is_cut boolean;
    v_taken record;
BEGIN
    sequenced := 0;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'transaction_isolation is %', current_setting('transaction_isolation')
            USING ERRCODE = 'KH007', HINT = 'Call khala.sequence in a READ COMMITTED transaction: it must see what is committed now.';
    END IF;
    IF coalesce(p_limit NOT BETWEEN 1 AND 10000, TRUE) THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000; the default is 500.';
    END IF;
    SELECT t.ownership INTO v_ownership FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF NOT pg_try_advisory_xact_lock(khala_internal.topic_lock_key(p_topic)) THEN
        state := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT s.* INTO v_staging FROM runtime.sync_topic_staging AS s WHERE s.topic = p_topic;
    IF NOT FOUND THEN
        state := 'direct';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT a.* INTO v_attachment FROM runtime.attachments AS a WHERE a.topic = p_topic;
    v_is_backfilling := FOUND AND (NOT v_attachment.is_backfilled OR v_attachment.sweep_after IS NOT NULL);

    v_is_settled := coalesce(v_staging.next_transaction <= pg_snapshot_xmin(pg_current_snapshot()), FALSE);
    IF NOT v_is_settled AND v_staging.taken > v_most_taken THEN
        v_is_settled := NOT khala_internal.has_earlier_writers(p_topic, v_staging.next_transaction);
    END IF;
    SELECT
        array_agg(w.position) FILTER (WHERE w.fits),
        max(w.position) FILTER (WHERE w.fits),
        count(*) FILTER (WHERE w.fits),
        count(*) = p_limit OR count(*) > count(*) FILTER (WHERE w.fits)
    INTO v_positions, v_until, v_found, v_is_cut
    FROM (
        SELECT
            l.position,
            coalesce(sum(l.bytes) OVER (ORDER BY l.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            < v_max_bytes AS fits
        FROM (
            SELECT s.position, coalesce(octet_length(s.canonical), 0) AS bytes
            FROM runtime.sync_staged_writes AS s
            WHERE s.topic = p_topic AND s.position > v_staging.settled
            ORDER BY s.position
            LIMIT p_limit
        ) AS l
    ) AS w;
    IF v_found = 0 AND NOT v_is_backfilling THEN
        state := CASE
            -- Positions that were rolled back take room until it is known that nobody is about to commit them.
            WHEN p_sleep OR v_staging.settled + v_staging.taken < pg_sequence_last_value(v_staging.positions)
                THEN khala_internal.settle_staging(p_topic, p_sleep)
            ELSE 'done'
        END;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The topic's row is not waited for either, while another transaction holds it and keeps its writers waiting.
    PERFORM FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        state := 'busy';
        RETURN NEXT;
        RETURN;
    END IF;

    IF v_found = 0 THEN
        sequenced := khala_internal.continue_backfill(p_topic, p_limit);
        state := 'more';
        RETURN NEXT;
        RETURN;
    END IF;

    -- Exactly the rows that were counted: others below the last one may have become visible since.
    WITH taken AS (
        DELETE FROM runtime.sync_staged_writes AS s
        WHERE s.topic = p_topic AND s.position = ANY(v_positions)
        RETURNING s.*
    )
    SELECT
        count(*)::integer AS writes,
        count(*) FILTER (WHERE t.position > v_staging.next_settled)::integer AS beyond,
        array_agg(t.doc_key) AS doc_keys,
        array_agg(t.doc_version) AS doc_versions,
        array_agg(t.org_id) AS org_ids,
        array_agg(t.payload) AS payloads,
        array_agg(t.deleted) AS deleted,
        array_agg(t.canonical) AS canonical,
        array_agg(t.payload_hash) AS hashes,
        array_agg(t.traceparent) AS traceparents,
        array_agg(t.fault) AS faults,
        count(t.fault) AS refused,
        array_agg(t.doc_key) FILTER (WHERE NOT t.is_truncation) AS changed_keys,
        array_agg(t.traceparent) FILTER (WHERE NOT t.is_truncation) AS changed_traceparents,
        bool_or(t.is_truncation) AS truncated
    INTO v_taken
    FROM (
        -- The topic's ownership may have changed since staging. Its limit of bytes may have too, but a document that
        -- is stored may exceed that.
        SELECT
            s.*,
            s.deleted AND s.doc_key = '' AS is_truncation,
            CASE
                WHEN v_attachment.topic IS NULL THEN khala_internal.document_fault(
                    s.doc_key, s.doc_version, s.org_id, s.payload, s.deleted, v_ownership, 0, 'auto', 0
                )
            END AS fault
        FROM taken AS s
        ORDER BY s.position
    ) AS t;
    IF v_taken.refused > 0 THEN
        SELECT min(f.ordinality) INTO v_refused
        FROM unnest(v_taken.faults) WITH ORDINALITY AS f (fault, ordinality)
        WHERE f.fault IS NOT NULL;
        PERFORM khala_internal.refuse_document(
            v_taken.faults[v_refused], v_refused, p_topic, v_taken.doc_keys[v_refused],
            v_taken.doc_versions[v_refused], v_taken.org_ids[v_refused], NULL, 0, 0
        );
    END IF;
    IF v_attachment.topic IS NULL THEN
        PERFORM khala_internal.store_documents(
            p_topic, v_taken.doc_keys, v_taken.doc_versions, v_taken.org_ids, v_taken.payloads, v_taken.deleted,
            v_taken.canonical, v_taken.hashes, v_taken.traceparents
        );
    ELSE
        -- Staged are the keys of changed rows, and an empty one for each TRUNCATE.
        IF v_taken.truncated THEN
            -- It may have been of one partition: what is gone is found by looking at everything, the empty key first.
            -- Keys that were cut are set aside again when their rows change.
            UPDATE runtime.attachments AS a SET sweep_after = '' WHERE a.topic = p_topic;
            v_taken.changed_keys := array_append(v_taken.changed_keys, '');
            DELETE FROM runtime.attachment_set_aside AS a WHERE a.topic = p_topic AND length(a.row_key) >= 600;
            v_is_cut := TRUE;
        END IF;
        PERFORM khala_internal.sync_attached(v_attachment, v_taken.changed_keys, v_taken.changed_traceparents);
    END IF;

    v_is_settled := v_is_settled AND v_until >= v_staging.next_settled;
    -- A transaction id from the future belongs to another server, whose dump was restored here.
    v_is_new := v_is_new AND (
        v_is_settled OR v_staging.next_transaction IS NULL OR v_staging.next_transaction > pg_current_xact_id()
    );
    UPDATE runtime.sync_topic_staging AS s
    SET armed = FALSE,
        settled = CASE WHEN v_is_settled THEN v_staging.next_settled ELSE v_staging.settled END,
        taken = CASE WHEN v_is_settled THEN v_staging.next_taken + v_taken.beyond ELSE v_staging.taken + v_taken.writes END,
        next_settled = CASE WHEN v_is_new THEN v_until ELSE v_staging.next_settled END,
        next_taken = CASE WHEN v_is_new THEN 0 ELSE v_staging.next_taken + v_taken.beyond END,
        next_transaction = CASE WHEN v_is_new THEN pg_current_xact_id() ELSE v_staging.next_transaction END
    WHERE s.topic = p_topic;
    IF v_staging.armed THEN
        PERFORM pg_notify('khala_sync', 'staged:' || p_topic);
    END IF;
    sequenced := v_taken.writes;
    -- Not only when nothing is staged: writers may never pause.
    IF v_is_backfilling AND NOT v_is_cut THEN
        sequenced := sequenced + khala_internal.continue_backfill(p_topic, p_limit);
        v_is_cut := TRUE;
    END IF;
    state := CASE WHEN v_is_cut THEN 'more' ELSE 'done' END;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION khala.sequence(text, integer, boolean) IS
'Sequences staged writes of a grouped topic, and makes documents of an attached table, in one transaction, which must be READ COMMITTED. Arguments: topic; limit of writes in this batch, which also ends at 4 MiB; whether to ask for a notification of the next write if nothing is staged. Result: number of writes taken, including those that wrote nothing because a later version was stored; and state: more (call again), done, busy (another transaction holds the topic: try again shortly), armed (nothing is staged, the next write notifies khala_sync with staged: and the topic) or direct (the topic is not grouped). Errors: KH001, KH006 the topic changed its ownership since a write was staged, KH007, KH008 an attached table cannot be read, KH010; 55P03 when another transaction holds a document or a table for half a second; what a trigger raises. After an error the writes stay staged.';
REVOKE ALL ON FUNCTION khala.sequence(text, integer, boolean) FROM public;
GRANT EXECUTE ON FUNCTION khala.sequence(text, integer, boolean) TO khala_relay, khala_runtime, khala_dba;
