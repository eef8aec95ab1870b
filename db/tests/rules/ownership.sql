BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(27);

-- Owners change, documents become public and owned, are deleted and come back: whoever follows the topic, from
-- wherever, in pages however small, by replay or by the shared feed, ends with what it may see and nothing else.

DO $$ BEGIN PERFORM khala.register_topic('pgtap.ownership', p_ownership => 'mixed'); END $$;

CREATE TEMP TABLE organisations AS
SELECT o.org FROM (VALUES ('a'), ('b'), ('c'), ('d'), (NULL)) AS o (org);

-- What an organisation may see now, by the read model.
CREATE FUNCTION pg_temp.visible(p_org text)
RETURNS TABLE (doc_key text, doc_version bigint, watermark bigint) LANGUAGE sql AS $$
SELECT d.doc_key, d.doc_version, d.watermark FROM runtime.sync_documents AS d
WHERE d.topic = 'pgtap.ownership' AND NOT d.deleted AND (d.org_id IS NULL OR d.org_id = p_org)
$$;

-- The updates that replay gives from a cursor to the head, page by page.
CREATE FUNCTION pg_temp.replayed(p_org text, p_after bigint, p_updates integer)
RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_page record;
    v_after bigint := p_after;
BEGIN
    LOOP
        v_page := khala.replay('pgtap.ownership', v_after, p_org, p_updates);
        RETURN QUERY SELECT u.value FROM jsonb_array_elements(v_page.page::jsonb -> 'updates') AS u;
        v_after := v_page.next_watermark;
        EXIT WHEN v_page.complete;
    END LOOP;
END
$$;

-- The same from the shared feed, filtered as a relay filters it.
CREATE FUNCTION pg_temp.fed(p_org text, p_after bigint, p_updates integer)
RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_row record;
    v_after bigint := p_after;
    v_more boolean := TRUE;
BEGIN
    WHILE v_more LOOP
        v_more := FALSE;
        FOR v_row IN SELECT f.* FROM khala.replay_feed('pgtap.ownership', v_after, p_updates) AS f LOOP
            IF (v_row.org_id IS NULL AND (v_row.except_org_id IS NULL OR v_row.except_org_id IS DISTINCT FROM p_org))
                OR v_row.org_id = p_org
            THEN
                RETURN NEXT v_row.update_text::jsonb;
            END IF;
            v_after := v_row.next_watermark;
            v_more := NOT v_row.complete;
        END LOOP;
    END LOOP;
END
$$;

-- 600 changes of 12 documents, and what each organisation saw at some of the moments in between.
CREATE TEMP TABLE seen (org text, head bigint, doc_key text, doc_version bigint, watermark bigint);
DO $$
DECLARE
    v_versions bigint[] := array_fill(0::bigint, ARRAY[12]);
    v_doc integer;
BEGIN
    PERFORM setseed(0.42);
    FOR v_step IN 1 .. 600 LOOP
        v_doc := 1 + floor(random() * 12);
        -- Now and then the same version again, or an older one.
        v_versions[v_doc] := v_versions[v_doc] + (random() < 0.85)::integer;
        IF random() < 0.2 THEN
            PERFORM khala.sink_delete('pgtap.ownership', 'doc ' || v_doc, v_versions[v_doc], 'd');
        ELSE
            PERFORM khala.sink(
                'pgtap.ownership', 'doc ' || v_doc, v_versions[v_doc], jsonb_build_object('n', floor(random() * 3)),
                (ARRAY['a', 'b', 'c', NULL])[1 + floor(random() * 4)]
            );
        END IF;
        IF v_step % 40 = 0 THEN
            INSERT INTO seen
            SELECT o.org, s.head_watermark, v.doc_key, v.doc_version, v.watermark
            FROM organisations AS o
            CROSS JOIN runtime.sync_topic_sequences AS s
            LEFT JOIN LATERAL pg_temp.visible(o.org) AS v ON TRUE
            WHERE s.topic = 'pgtap.ownership';
        END IF;
    END LOOP;
END
$$;

-- What a client has that starts from what it saw then and applies what it is given.
CREATE FUNCTION pg_temp.followed(p_org text, p_head bigint, p_updates jsonb[])
RETURNS TABLE (doc_key text, doc_version bigint, watermark bigint) LANGUAGE sql AS $$
WITH changes AS (
    SELECT s.doc_key, s.doc_version, s.watermark, FALSE AS gone FROM seen AS s
    WHERE s.org IS NOT DISTINCT FROM p_org AND s.head = p_head AND s.doc_key IS NOT NULL
    UNION ALL
    SELECT u.value ->> 'doc_key', (u.value ->> 'doc_version')::bigint, (u.value ->> 'watermark')::bigint, u.value ? 'deleted'
    FROM unnest(p_updates) AS u (value)
),
latest AS (
    SELECT DISTINCT ON (c.doc_key) c.* FROM changes AS c ORDER BY c.doc_key, c.watermark DESC
)
SELECT l.doc_key, l.doc_version, l.watermark FROM latest AS l WHERE NOT l.gone
$$;

SELECT cmp_ok((SELECT count(*) FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.ownership'), '>', 500::bigint, 'much happened');
SELECT cmp_ok(
    (SELECT count(*) FROM runtime.sync_stream_events AS j WHERE j.topic = 'pgtap.ownership' AND j.owner_changed), '>', 100::bigint,
    'owners changed often'
);
SELECT set_eq(
    format('SELECT f.* FROM pg_temp.followed(%L, -1, ARRAY(SELECT r FROM pg_temp.replayed(%L, 0, %s) AS r)) AS f', o.org, o.org, v.updates),
    format('SELECT v.* FROM pg_temp.visible(%L) AS v', o.org),
    format('from the beginning, %s updates a page, %s has what it may see', v.updates, coalesce(o.org, 'nobody'))
)
FROM organisations AS o, (VALUES (200), (7)) AS v (updates);
SELECT results_eq(
    format('SELECT f FROM pg_temp.fed(%L, 0, 13) AS f', o.org), format('SELECT r FROM pg_temp.replayed(%L, 0, 7) AS r', o.org),
    format('the shared feed gives %s the same updates', coalesce(o.org, 'nobody'))
) FROM organisations AS o;
SELECT is_empty(
    format(
        'SELECT s.head, f.* FROM (SELECT DISTINCT s.head FROM seen AS s) AS s,
            LATERAL (
                SELECT f.* FROM pg_temp.followed(%1$L, s.head, ARRAY(SELECT r FROM pg_temp.replayed(%1$L, s.head, 50) AS r)) AS f
                EXCEPT SELECT v.* FROM pg_temp.visible(%1$L) AS v
            ) AS f', o.org
    ), format('whenever it begins, %s keeps nothing it may not see', coalesce(o.org, 'nobody'))
) FROM organisations AS o;
SELECT is_empty(
    format(
        'SELECT s.head, f.* FROM (SELECT DISTINCT s.head FROM seen AS s) AS s,
            LATERAL (
                SELECT v.* FROM pg_temp.visible(%1$L) AS v
                EXCEPT SELECT f.* FROM pg_temp.followed(%1$L, s.head, ARRAY(SELECT r FROM pg_temp.replayed(%1$L, s.head, 50) AS r)) AS f
            ) AS f', o.org
    ), format('and %s lacks nothing it may', coalesce(o.org, 'nobody'))
) FROM organisations AS o;

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
