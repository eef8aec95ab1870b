-- Verify khala:tracing on pg

BEGIN;

SELECT traceparent FROM runtime.sync_stream_events WHERE FALSE;

DO $$
BEGIN
    ASSERT (
        SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) = 'khala_internal.traceparent()'
        FROM pg_catalog.pg_attrdef AS d
        INNER JOIN pg_catalog.pg_attribute AS a ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE d.adrelid = 'runtime.sync_stream_events'::pg_catalog.regclass AND a.attname = 'traceparent'
    ), 'the journal must take the writer''s trace context by itself';
END
$$;

ROLLBACK;
