-- Turns runs whose heartbeats have stopped into lost ones. Relays call it every few seconds; without a relay a job of
-- pg_cron may. Any number of callers at once mark each run once. On a standby the primary's relays do it.

CREATE OR REPLACE FUNCTION khala.mark_lost_runs(p_after interval DEFAULT '2 minutes', p_limit integer DEFAULT 1000)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Below deadlock_timeout: where a writer of several runs holds the topic and waits for a run that is being marked, the
-- writer goes on.
SET lock_timeout = '500ms'
AS $$
BEGIN
    IF p_after IS NULL OR p_after NOT BETWEEN '0' AND '1000 years' THEN
        RAISE EXCEPTION 'p_after is %', coalesce(p_after::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use an interval from 0 to 1000 years; the default is 2 minutes.';
    ELSIF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'p_limit is %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 10000 runs; the default is 1000.';
    END IF;
    IF current_setting('transaction_read_only')::boolean THEN
        RETURN 0;
    END IF;
    RETURN khala_internal.mark_lost('run', p_after, p_limit);
END
$$;

COMMENT ON FUNCTION khala.mark_lost_runs(interval, integer) IS
'Marks runs at work as lost whose last event is too old: appends run.lost to their histories. A run counts that announced heartbeat_s in run.started or has sent run.heartbeat. Arguments: shortest silence that counts, which is three times the announced interval where that is longer; most runs to mark. Result: how many were marked, 0 in a read-only transaction; call it again when it is p_limit. Errors: KH007; 55P03 when a writer holds the topic for half a second, and nothing is marked.';
REVOKE ALL ON FUNCTION khala.mark_lost_runs(interval, integer) FROM public;
GRANT EXECUTE ON FUNCTION khala.mark_lost_runs(interval, integer) TO khala_relay, khala_dba;
