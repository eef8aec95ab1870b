BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

-- Functions that run once for every row are bound at creation and have no SET clause so that the planner puts
-- their bodies in place of the call. It refuses without a word, for instance when a body is less constant
-- than its function claims; then a row costs thirty times as much.
CREATE FUNCTION pg_temp.plan_of(p_query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_line text;
    v_plan text := '';
BEGIN
    FOR v_line IN EXECUTE 'EXPLAIN (VERBOSE) ' || p_query LOOP
        v_plan := v_plan || v_line || ' ';
    END LOOP;
    RETURN v_plan;
END
$$;
CREATE TEMP TABLE row_of AS
SELECT 't' AS topic, 'k' AS key, 1::bigint AS n, ''::bytea AS hash, FALSE AS flag, '{}' AS payload, '{}'::jsonb AS body;

SELECT unalike(
    pg_temp.plan_of('SELECT ' || c.call || ' FROM pg_temp.row_of AS r'), '%khala\_internal.%', c.call || ' is inlined'
)
FROM (
    VALUES
    ('khala_internal.wire_integer(r.n)'),
    ('khala_internal.update_text(r.topic, r.key, r.n, r.n, r.hash, r.flag, r.payload)'),
    ('khala_internal.page_tail(r.topic, r.flag, r.n, r.n)'),
    ('khala_internal.row_bytes(r.key, r.n::integer)'),
    ('khala_internal.stale_reason(r.n, r.n, r.n, r.key, r.key)'),
    ('khala_internal.proto_varint(r.n)'),
    ('khala_internal.proto_short(r.n::integer)'),
    ('khala_internal.topic_lock_key(r.topic)'),
    ('khala_internal.is_plain_json(r.payload)'),
    ('khala_internal.is_org_id(r.key)'),
    ('khala_internal.document_fault(r.key, r.n, r.key, r.body, r.flag, r.key, r.n::integer, r.key, r.n::integer)')
) AS c (call);

SELECT unalike(pg_temp.plan_of('SELECT * FROM ' || c.call || ' AS u'), '%khala\_internal.%', c.call || ' is inlined')
FROM (
    VALUES
    ('khala_internal.page_rows(''t'', 0, 9, NULL, FALSE, ''{1}'', ''{}'')'),
    ('khala_internal.feed_updates(''t'', 0, 9)'),
    ('khala_internal.key_marks(''k'', ''{1}'', NULL)'),
    ('khala_internal.subset_ranges(''{}'')'),
    ('khala_internal.judge_document(1, ''h'', 2, ''o'', FALSE, 1, ''h'', ''o'', FALSE, ''owned'', ''auto'', 3)')
) AS c (call);

SELECT unalike(
    pg_temp.plan_of('INSERT INTO runtime.sync_stream_events (topic) VALUES (''t'')'), '%khala_internal.traceparent()%',
    'the default of the journal''s column is inlined'
);

-- Its query still calls what it leaves to the reference.
SELECT alike(
    pg_temp.plan_of('SELECT c.canonical FROM pg_temp.row_of AS r, khala_internal.canonical_text(r.body) AS c'), '%Function Scan on pg_catalog.jsonb_each%',
    'khala_internal.canonical_text is inlined'
);
SELECT unalike(
    pg_temp.plan_of('SELECT khala_internal.payload_text(r.payload, r.body, r.n::integer) FROM pg_temp.row_of AS r'), '%payload_text%',
    'khala_internal.payload_text is inlined'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
