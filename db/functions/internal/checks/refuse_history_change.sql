-- Trigger function that keeps the runtime's history append-only, for its owner as well. Summaries and exactly-once
-- ingestion both require that an event with a sequence number never changes. An event may only go once it stands in the
-- archive as it was.

CREATE OR REPLACE FUNCTION khala_internal.refuse_history_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN
        IF OLD.kind = 'run' AND EXISTS (
            SELECT FROM runtime.archived_run_events AS a
            WHERE a.run_id = OLD.id AND a.seq = OLD.seq
                AND (a.event_type, a.payload, a.occurred_at, a.recorded_at) = (OLD.event_type, OLD.payload, OLD.occurred_at, OLD.recorded_at)
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'events are append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'KH009',
            HINT = 'Append an event that corrects the earlier one. To remove history for good, disable this trigger as the owner.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_history_change() IS
'Trigger on the event tables: refuses UPDATE, DELETE and TRUNCATE, except to delete an event of a run that stands in the archive as it was. Errors: KH009.';
REVOKE ALL ON FUNCTION khala_internal.refuse_history_change() FROM public;
