-- Documents of a topic to compare: half of them those that changed last, by the journal, whose order is that of the
-- checkpoints (an index on their time would cost each projection its HOT update); the rest at random, of all documents
-- and of all checkpoints, whose documents may be missing. A small set is read whole. Of a large one random pages are
-- read, ten times as many as long as too few documents of the topic are on them.

CREATE OR REPLACE FUNCTION khala_internal.parity_sample(p_topic text, p_sample integer)
RETURNS TABLE (doc_key text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_prefix text;
    v_projection text;
    v_newest text[];
    v_documents text[];
    v_checkpoints text[];
    v_pages double precision;
    v_small constant integer := 10 * p_sample;
BEGIN
    SELECT p.projection, 'runtime/' || p.projection || ':' INTO v_projection, v_prefix
    FROM (VALUES ('run'), ('codex_worker')) AS v (kind)
    CROSS JOIN LATERAL khala_internal.projection_of(v.kind) AS p
    WHERE p.topic = p_topic;

    SELECT array_agg(n.doc_key) INTO v_newest
    FROM (
        SELECT s.doc_key
        FROM (
            SELECT e.doc_key, e.watermark
            FROM runtime.sync_stream_events AS e
            WHERE e.topic = p_topic
            ORDER BY e.watermark DESC
            LIMIT v_small
        ) AS s
        GROUP BY s.doc_key
        ORDER BY max(s.watermark) DESC
        LIMIT (p_sample + 1) / 2
    ) AS n;

    SELECT array_agg(d.doc_key) INTO v_documents
    FROM (SELECT s.doc_key FROM runtime.sync_documents AS s WHERE s.topic = p_topic LIMIT v_small) AS d;
    IF cardinality(v_documents) = v_small THEN
        SELECT least(100, 2000.0 * p_sample / greatest(c.reltuples, 1)) INTO v_pages
        FROM pg_class AS c
        WHERE c.oid = 'runtime.sync_documents'::regclass;
        LOOP
            SELECT array_agg(s.doc_key) INTO v_documents
            FROM runtime.sync_documents AS s TABLESAMPLE SYSTEM (v_pages)
            WHERE s.topic = p_topic;
            EXIT WHEN cardinality(v_documents) >= p_sample OR v_pages >= 100;
            v_pages := least(100, v_pages * 10);
        END LOOP;
    END IF;

    IF v_projection IS NOT NULL THEN
        SELECT array_agg(v_prefix || c.entity_id) INTO v_checkpoints
        FROM (
            SELECT s.entity_id FROM runtime.projection_checkpoints AS s
            WHERE s.projection = v_projection
            LIMIT v_small
        ) AS c;
        IF cardinality(v_checkpoints) = v_small THEN
            SELECT least(100, 2000.0 * p_sample / greatest(c.reltuples, 1)) INTO v_pages
            FROM pg_class AS c
            WHERE c.oid = 'runtime.projection_checkpoints'::regclass;
            LOOP
                SELECT array_agg(v_prefix || s.entity_id) INTO v_checkpoints
                FROM runtime.projection_checkpoints AS s TABLESAMPLE SYSTEM (v_pages)
                WHERE s.projection = v_projection;
                EXIT WHEN cardinality(v_checkpoints) >= p_sample OR v_pages >= 100;
                v_pages := least(100, v_pages * 10);
            END LOOP;
        END IF;
    END IF;

    RETURN QUERY
    SELECT s.doc_key
    FROM (
        SELECT n.doc_key, 0 AS place FROM unnest(v_newest) AS n (doc_key)
        UNION ALL
        SELECT r.doc_key, 1
        FROM (
            SELECT d.doc_key FROM unnest(v_documents) AS d (doc_key)
            UNION
            SELECT c.doc_key FROM unnest(v_checkpoints) AS c (doc_key)
        ) AS r
        WHERE NOT coalesce(r.doc_key = ANY (v_newest), FALSE)
    ) AS s
    ORDER BY s.place, random()
    LIMIT p_sample;
END
$$;

COMMENT ON FUNCTION khala_internal.parity_sample(text, integer) IS
'Documents of a topic to compare. Arguments: topic; most documents. Result: their keys: half of them the last changed of those that the journal retains, the rest at random, deleted ones included. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.parity_sample(text, integer) FROM public;
