-- Settles every position that a grouped topic has given out, if nothing is staged, and arms the topic on request: its
-- next writer then notifies. This takes the lock that writers share exclusively, without waiting for it. While it is
-- held, every staged write is visible, and each later writer reads the flag.

CREATE OR REPLACE FUNCTION khala_internal.settle_staging(p_topic text, p_arm boolean)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(khala_internal.staging_lock_key(p_topic)) THEN
        RETURN CASE WHEN p_arm THEN 'busy' ELSE 'done' END;
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
    SET armed = s.armed OR p_arm,
        settled = coalesce(pg_sequence_last_value(s.positions), 0),
        taken = 0,
        next_settled = NULL,
        next_taken = 0,
        next_transaction = NULL
    WHERE s.topic = p_topic
        AND NOT ((s.armed OR NOT p_arm) AND s.settled = coalesce(pg_sequence_last_value(s.positions), 0));
    RETURN CASE WHEN p_arm THEN 'armed' ELSE 'done' END;
END
$$;

COMMENT ON FUNCTION khala_internal.settle_staging(text, boolean) IS
'Internal: settles a grouped topic, for a caller that holds the lock of the topic''s writers: writes that were rolled back take no room any more. Arguments: topic; whether to arm it. Result: more (writes are staged); else, to arm it, armed or busy (a writer is active); otherwise done. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.settle_staging(text, boolean) FROM public;
