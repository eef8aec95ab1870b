-- Trigger function that keeps the runtime's history append-only, for its owner as well. Summaries and exactly-once
-- ingestion both require that an event with a sequence number never changes.

CREATE OR REPLACE FUNCTION khala_internal.refuse_history_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'KH009',
            HINT = 'Append an event that corrects the earlier one. To remove history for good, disable this trigger as the owner.';
END
$$;

COMMENT ON FUNCTION khala_internal.refuse_history_change() IS
'Trigger on the event tables: refuses UPDATE, DELETE and TRUNCATE. Errors: KH009 always.';
REVOKE ALL ON FUNCTION khala_internal.refuse_history_change() FROM public;
