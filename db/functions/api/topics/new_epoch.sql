-- Starts a new epoch: every earlier cursor becomes stale, and its client resynchronises. Epochs are numbered after the
-- rows, not by a sequence, which a logical copy would leave behind them.

CREATE OR REPLACE FUNCTION khala.new_epoch(p_reason text DEFAULT 'requested')
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch text := gen_random_uuid()::text;
BEGIN
    -- Clients will store this name: it must survive a crash even where the caller commits asynchronously.
    PERFORM set_config('synchronous_commit', 'on', TRUE)
    WHERE current_setting('synchronous_commit') = 'off';
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.ensure_epoch', 0));
    INSERT INTO runtime.sync_epochs (epoch_number, epoch, reason, fingerprint)
    SELECT coalesce(max(e.epoch_number), 0) + 1, v_epoch, coalesce(p_reason, 'requested'), khala.database_fingerprint()
    FROM runtime.sync_epochs AS e;
    -- The first step of a copy: its sequences may be behind its rows.
    PERFORM khala_internal.skip_positions(s.topic) FROM runtime.sync_topic_staging AS s ORDER BY s.topic;
    -- A relay may be asleep with no writer about to wake it.
    PERFORM pg_notify('khala_sync', '');
    RETURN v_epoch;
EXCEPTION
    WHEN unique_violation THEN
        RAISE serialization_failure USING MESSAGE = 'another epoch began since the snapshot of this transaction',
            HINT = 'Try the transaction again, or use READ COMMITTED.';
END
$$;

COMMENT ON FUNCTION khala.new_epoch(text) IS
'Starts a new epoch; call it after restoring a backup or a failover that lost commits. Argument: reason. Result: the new epoch. Errors: 40001 above READ COMMITTED, when another epoch began since the snapshot.';
REVOKE ALL ON FUNCTION khala.new_epoch(text) FROM public;
GRANT EXECUTE ON FUNCTION khala.new_epoch(text) TO khala_dba;
