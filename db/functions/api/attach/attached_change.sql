-- Trigger function of attached tables: stages the keys of changed rows. Documents are made of the rows when the topic
-- is sequenced, so no value of a row can make its writer fail, and writers wait neither for each other nor for
-- conversion. It reads only the rows that the trigger gives it; the writing role needs no privilege of Khala. Every
-- key that was or is there is staged, whether or not its document changes: what counts is the row at sequencing.
--
-- Triggers of statements do the work of a session. Those of rows are for what fires no other: a subscription that
-- applies, and a partition that came later. If the journal comes by subscription too, so do the documents.

CREATE OR REPLACE FUNCTION khala.attached_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- As khala_internal.sync_attached, which reads the rows by these keys.
SET "TimeZone" = 'UTC'
SET "DateStyle" = 'ISO, YMD'
SET "IntervalStyle" = 'iso_8601'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
SET quote_all_identifiers = off
AS $$
DECLARE
    v_attachment runtime.attachments;
    v_key_sql text;
    v_keys_sql text;
    -- An array has at most 1 GB.
    v_most_keys CONSTANT integer := 10000;
    v_keys text[];
    v_is_staged boolean := TRUE;
BEGIN
    SELECT a.* INTO v_attachment FROM runtime.attachments AS a WHERE a.topic = TG_ARGV[0];
    IF NOT FOUND THEN
        -- A trigger that the snapshot shows was left by an attachment that has ended, at a detached partition.
        IF current_setting('transaction_isolation') <> 'read committed' AND NOT EXISTS (
            SELECT FROM pg_trigger AS t
            WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME
                AND t.tgargs = convert_to(TG_ARGV[0], getdatabaseencoding()) || decode('00', 'hex')
        ) THEN
            RAISE serialization_failure USING MESSAGE = format('table %s was attached since the snapshot of this transaction', TG_RELID::regclass),
                HINT = 'Retry the transaction.';
        END IF;
        RETURN NULL;
    END IF;
    IF TG_LEVEL = 'ROW' AND current_setting('session_replication_role') = 'replica' AND EXISTS (
        SELECT FROM pg_subscription_rel AS s WHERE s.srrelid = 'runtime.sync_stream_events'::regclass
    ) THEN
        RETURN NULL;
    END IF;

    v_key_sql := v_attachment.key_sql;
    FOR v_attempt IN 1 .. 2 LOOP
        BEGIN
            CASE
                WHEN TG_OP = 'TRUNCATE' THEN
                    v_keys := ARRAY[''];
                WHEN TG_LEVEL = 'ROW' AND TG_OP = 'INSERT' THEN
                    EXECUTE format('SELECT ARRAY[%s] FROM (SELECT ($1).*) AS x', v_key_sql) INTO v_keys USING NEW;
                WHEN TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN
                    EXECUTE format('SELECT ARRAY[%s] FROM (SELECT ($1).*) AS x', v_key_sql) INTO v_keys USING OLD;
                WHEN TG_LEVEL = 'ROW' THEN
                    EXECUTE format(
                        'SELECT ARRAY(SELECT %1$s FROM (SELECT ($1).*) AS x UNION SELECT %1$s FROM (SELECT ($2).*) AS x)', v_key_sql
                    ) INTO v_keys USING OLD, NEW;
                ELSE
                    v_keys_sql := format(
                        CASE TG_OP
                            WHEN 'INSERT' THEN 'SELECT %1$s FROM new_rows AS x'
                            WHEN 'DELETE' THEN 'SELECT %1$s FROM old_rows AS x'
                            ELSE 'SELECT %1$s FROM old_rows AS x UNION SELECT %1$s FROM new_rows AS x'
                        END,
                        v_key_sql
                    );
                    EXECUTE format('SELECT array_agg(k.doc_key) FROM (%s LIMIT $1) AS k (doc_key)', v_keys_sql)
                    INTO v_keys USING v_most_keys + 1;
            END CASE;
            EXIT;
        EXCEPTION
            -- A key column was renamed.
            WHEN undefined_column THEN
                IF v_attempt = 2 THEN
                    RAISE;
                END IF;
                v_key_sql := (SELECT s.key_sql FROM khala_internal.attached_statements(v_attachment) AS s);
                -- Or dropped: khala.attachments says so.
                IF v_key_sql IS NULL THEN
                    RETURN NULL;
                END IF;
        END;
    END LOOP;
    -- A statement may change no row.
    IF v_keys IS NULL THEN
        RETURN NULL;
    END IF;
    IF cardinality(v_keys) <= v_most_keys THEN
        v_is_staged := khala_internal.stage_documents(
            v_attachment.topic, 2147483647, array_replace(v_keys, NULL, ''), NULL, NULL, NULL,
            array_fill(TG_OP = 'TRUNCATE', ARRAY[cardinality(v_keys)]), NULL, NULL
        );
    ELSE
        FOR v_keys IN EXECUTE format(
            'SELECT array_agg(n.doc_key ORDER BY n.nth) FROM (SELECT k.doc_key, row_number() OVER () AS nth FROM (%s) AS k (doc_key)) AS n GROUP BY (n.nth - 1) / $1',
            v_keys_sql
        ) USING v_most_keys LOOP
            v_is_staged := v_is_staged AND khala_internal.stage_documents(
                v_attachment.topic, 2147483647, array_replace(v_keys, NULL, ''), NULL, NULL, NULL,
                array_fill(FALSE, ARRAY[cardinality(v_keys)]), NULL, NULL
            );
        END LOOP;
    END IF;
    IF NOT v_is_staged THEN
        RAISE serialization_failure USING MESSAGE = format('topic %s changed since the snapshot of this transaction', v_attachment.topic),
            HINT = 'Retry the transaction.';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION khala.attached_change() IS
'Trigger function of attached tables, with the topic as its argument: stages the keys of changed rows. khala.attach makes its triggers. Errors: 40001 above READ COMMITTED, when the table was attached since the snapshot; 0A000 when it is called directly.';
REVOKE ALL ON FUNCTION khala.attached_change() FROM public;
GRANT EXECUTE ON FUNCTION khala.attached_change() TO khala_dba;
