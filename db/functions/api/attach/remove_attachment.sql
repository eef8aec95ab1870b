-- Khala's part of khala.detach: sequences what is staged, then forgets the attachment. Documents stay.

CREATE OR REPLACE FUNCTION khala.remove_attachment(p_topic text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_owner oid;
    v_batch record;
    v_sequenced bigint := 0;
BEGIN
    SELECT c.relowner INTO v_owner
    FROM runtime.attachments AS a INNER JOIN pg_class AS c ON a.relation = c.oid
    WHERE a.topic = p_topic;
    IF NOT pg_has_role(SESSION_USER, v_owner, 'MEMBER') THEN
        RAISE EXCEPTION '% does not own the table of topic %', SESSION_USER, p_topic
            USING ERRCODE = 'KH008',
                HINT = format('Call khala.detach as a member of %s that is a member of khala_dba too.', v_owner::regrole);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));
    -- In the order of khala.set_topic_writes.
    PERFORM pg_advisory_xact_lock(khala_internal.staging_lock_key(p_topic));
    PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic));
    PERFORM FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic FOR NO KEY UPDATE;
    UPDATE runtime.attachments AS a SET is_backfilled = TRUE, sweep_after = NULL WHERE a.topic = p_topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no table is attached to topic %', coalesce(quote_literal(left(p_topic, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'khala.attachments lists the topics with a table.';
    END IF;
    LOOP
        SELECT s.sequenced, s.state INTO v_batch FROM khala.sequence(p_topic, 10000) AS s;
        v_sequenced := v_sequenced + v_batch.sequenced;
        EXIT WHEN v_batch.state <> 'more';
    END LOOP;
    DELETE FROM runtime.attachments AS a WHERE a.topic = p_topic;
    DELETE FROM runtime.attachment_set_aside AS a WHERE a.topic = p_topic;
    RETURN v_sequenced;
END
$$;

COMMENT ON FUNCTION khala.remove_attachment(text) IS
'Khala''s part of khala.detach, which calls it and drops the triggers. The transaction must be READ COMMITTED. Argument: topic. Result: number of staged changes that were sequenced. Errors: KH007 no table is attached to it, or the transaction''s isolation, KH008 the caller does not own the table, KH010.';
REVOKE ALL ON FUNCTION khala.remove_attachment(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.remove_attachment(text) TO khala_dba;
