-- Trigger function that wakes relays. Its trigger is on the row that every writer of a topic updates, and fires only
-- when the row is disarmed (the trigger's OF and WHEN), so an idle relay is woken and a busy one costs writers
-- nothing. The payload names the topic; a relay may ignore it.

CREATE OR REPLACE FUNCTION khala_internal.sync_topic_sequences_wake()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('khala_sync', new.topic);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION khala_internal.sync_topic_sequences_wake() IS
'Trigger of runtime.sync_topic_sequences: notifies channel khala_sync with the topic''s name. Result: ignored. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.sync_topic_sequences_wake() FROM public;
