-- Arms a grouped topic if nothing is staged: its next writer then notifies. This takes the lock that writers share
-- exclusively, without waiting for it. While it is held, every staged write is visible, and each later writer reads
-- the flag.

CREATE OR REPLACE FUNCTION khala_internal.arm_staging(p_topic text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(khala_internal.staging_lock_key(p_topic)) THEN
        RETURN 'busy';
    END IF;
    IF EXISTS (
        SELECT
        FROM runtime.sync_staged_writes AS w
        INNER JOIN runtime.sync_topic_staging AS s ON w.topic = s.topic
        WHERE w.topic = p_topic AND w.position > s.settled
    ) THEN
        RETURN 'more';
    END IF;
    UPDATE runtime.sync_topic_staging AS s
    SET armed = TRUE,
        settled = coalesce(pg_sequence_last_value(s.positions), 0),
        taken = 0,
        next_settled = NULL,
        next_taken = 0,
        next_transaction = NULL
    WHERE s.topic = p_topic
        AND NOT (s.armed AND s.settled = coalesce(pg_sequence_last_value(s.positions), 0));
    RETURN 'armed';
END
$$;

COMMENT ON FUNCTION khala_internal.arm_staging(text) IS
'Internal: arms a grouped topic, for a caller that holds the lock of the topic''s writers. Argument: the topic. Result: armed, busy (a writer is active) or more (writes are staged). Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.arm_staging(text) FROM public;
