-- One step of what is left to do for an attached table besides its changes, for a caller that holds the topic's lock:
-- first the rows that were there, in the order of the key; then the documents, and the rows set aside, that are no
-- longer there. Its progress commits together with the documents, so it can end at any time and goes on where it was.

CREATE OR REPLACE FUNCTION khala_internal.continue_backfill(p_topic text, p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- A key is taken apart and compared as it was written.
SET "TimeZone" = 'UTC'
SET "DateStyle" = 'ISO, YMD'
SET "IntervalStyle" = 'iso_8601'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET quote_all_identifiers = off
SET enable_seqscan = off
-- Functions in checks of columns are not evaluated.
SET constraint_exclusion = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    v_attachment runtime.attachments;
    v_sql record;
    v_keys text[];
BEGIN
    SELECT a.* INTO v_attachment FROM runtime.attachments AS a WHERE a.topic = p_topic FOR NO KEY UPDATE;
    IF NOT v_attachment.is_backfilled THEN
        PERFORM khala_internal.check_attached_access(v_attachment.relation, v_attachment.is_trusted);
        SELECT s.* INTO v_sql FROM khala_internal.attached_statements(v_attachment) AS s;
        IF v_sql.read_sql IS NOT NULL THEN
            EXECUTE CASE WHEN v_attachment.backfill_after IS NULL THEN v_sql.first_keys_sql ELSE v_sql.next_keys_sql END
            INTO v_keys USING v_attachment.backfill_after, p_limit;
            PERFORM khala_internal.sync_attached(v_attachment, v_keys);
        END IF;
        UPDATE runtime.attachments AS a
        SET backfill_after = coalesce(v_keys[cardinality(v_keys)], a.backfill_after),
            backfilled_rows = a.backfilled_rows + coalesce(cardinality(v_keys), 0),
            is_backfilled = (cardinality(v_keys) = p_limit) IS NOT TRUE
        WHERE a.topic = p_topic;
    ELSE
        v_keys := ARRAY(
            (
                SELECT d.doc_key FROM runtime.sync_documents AS d
                WHERE d.topic = p_topic AND d.doc_key > v_attachment.sweep_after AND NOT d.deleted
                ORDER BY d.doc_key
                LIMIT p_limit
            )
            UNION
            (
                SELECT a.row_key FROM runtime.attachment_set_aside AS a
                -- A row is not found by a key that was cut.
                WHERE a.topic = p_topic AND a.row_key > v_attachment.sweep_after AND length(a.row_key) < 600
                ORDER BY a.row_key
                LIMIT p_limit
            )
            ORDER BY 1
            LIMIT p_limit
        );
        PERFORM khala_internal.sync_attached(v_attachment, v_keys);
        UPDATE runtime.attachments AS a
        SET sweep_after = CASE WHEN cardinality(v_keys) = p_limit THEN v_keys[p_limit] END
        WHERE a.topic = p_topic;
    END IF;
    RETURN coalesce(cardinality(v_keys), 0);
END
$$;

COMMENT ON FUNCTION khala_internal.continue_backfill(text, integer) IS
'Internal: one step of the backfill of an attached table. Arguments: topic, which has something left; limit of rows or documents. Result: number of those looked at. Errors: KH001, KH008 the table cannot be read, KH010.';
REVOKE ALL ON FUNCTION khala_internal.continue_backfill(text, integer) FROM public;
