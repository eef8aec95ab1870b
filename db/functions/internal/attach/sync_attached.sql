-- Brings documents up to date with the rows of an attached table, as they are committed now, for a caller that holds
-- the topic's lock and has taken the keys from the staged writes before: each change commits together with its staged
-- key, so what is not seen here is still staged.
--
-- A row that cannot be read or written (a value beyond the limits of the server) is set aside by itself. Settings that
-- change how values are written as text are fixed here and in khala.attached_change.

CREATE OR REPLACE FUNCTION khala_internal.sync_attached(
    p_attachment runtime.attachments,
    p_doc_keys text[],
    p_traceparents text[] DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
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
SET jit = off
AS $$
DECLARE
    v_max_bytes CONSTANT bigint := 8388608;
    v_sql record;
    v_keys text[];
    v_traceparents text[];
    v_bytes bigint[];
    v_found boolean[];
    v_org_ids text[];
    v_payloads jsonb[];
    v_sum bigint;
    v_next integer := 1;
    v_last integer;
    v_written integer := 0;
BEGIN
    PERFORM khala_internal.check_attached_access(p_attachment.relation, p_attachment.is_trusted);
    SELECT s.* INTO v_sql FROM khala_internal.attached_statements(p_attachment) AS s;
    IF v_sql.read_sql IS NULL THEN
        RETURN 0;
    END IF;
    SELECT array_agg(u.doc_key ORDER BY u.place), array_agg(p_traceparents[u.place] ORDER BY u.place)
    INTO v_keys, v_traceparents
    FROM (
        SELECT k.doc_key COLLATE "C" AS doc_key, max(k.place) AS place
        FROM unnest(p_doc_keys) WITH ORDINALITY AS k (doc_key, place)
        GROUP BY 1
    ) AS u;
    BEGIN
        EXECUTE v_sql.sizes_sql INTO v_bytes USING v_keys;
    EXCEPTION
        -- A key that is no value of its column's type: no row has it.
        WHEN data_exception OR program_limit_exceeded THEN
            IF cardinality(v_keys) = 1 THEN
                RETURN khala_internal.write_attached(
                    p_attachment.topic, v_keys, ARRAY[FALSE], ARRAY[NULL::text], ARRAY[NULL::jsonb], NULL, v_traceparents
                );
            END IF;
    END;
    WHILE v_next <= cardinality(v_keys) LOOP
        v_last := v_next;
        v_sum := v_bytes[v_next];
        WHILE v_last < cardinality(v_keys) AND v_bytes IS NOT NULL AND v_sum + v_bytes[v_last + 1] <= v_max_bytes LOOP
            v_last := v_last + 1;
            v_sum := v_sum + v_bytes[v_last];
        END LOOP;
        IF v_bytes IS NULL THEN
            v_written := v_written + khala_internal.sync_attached(
                p_attachment, v_keys[v_next:v_next], v_traceparents[v_next:v_next]
            );
        ELSE
            BEGIN
                EXECUTE v_sql.read_sql INTO v_found, v_org_ids, v_payloads USING v_keys[v_next:v_last];
                v_written := v_written + khala_internal.write_attached(
                    p_attachment.topic, v_keys[v_next:v_last], v_found, v_org_ids, v_payloads, NULL,
                    v_traceparents[v_next:v_last]
                );
            EXCEPTION
                WHEN data_exception OR program_limit_exceeded THEN
                    IF v_last > v_next THEN
                        FOR v_nth IN v_next .. v_last LOOP
                            v_written := v_written + khala_internal.sync_attached(
                                p_attachment, v_keys[v_nth:v_nth], v_traceparents[v_nth:v_nth]
                            );
                        END LOOP;
                    ELSE
                        v_written := v_written + khala_internal.write_attached(
                            p_attachment.topic, v_keys[v_next:v_next], ARRAY[TRUE], ARRAY[NULL::text], ARRAY[NULL::jsonb],
                            left(SQLERRM, 1000), v_traceparents[v_next:v_next]
                        );
                    END IF;
            END;
        END IF;
        v_next := v_last + 1;
    END LOOP;
    RETURN v_written;
END
$$;

COMMENT ON FUNCTION khala_internal.sync_attached(runtime.attachments, text[], text[]) IS
'Internal: brings documents up to date with the rows of an attached table. Arguments: the row of runtime.attachments; document keys; W3C trace contexts. Result: number of documents written, tombstones included. Errors: KH001, KH008 the table cannot be read, KH010.';
REVOKE ALL ON FUNCTION khala_internal.sync_attached(runtime.attachments, text[], text[]) FROM public;
