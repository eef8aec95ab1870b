-- Organisations that own documents. Their names are found by leaping from one to the next in the index, and documents
-- are counted up to a bound: it costs the same whatever there is.

CREATE OR REPLACE FUNCTION khala.admin_organisations(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    v_org_id text := khala_internal.admin_organisation(p_org_id, p_scopes);
    v_names text[];
    v_most bigint;
BEGIN
    IF v_org_id IS NOT NULL THEN
        v_names := ARRAY[v_org_id];
    ELSE
        SELECT array_agg(f.org_id ORDER BY f.org_id) INTO v_names
        FROM (
            SELECT DISTINCT o.org_id
            FROM runtime.sync_topics AS t
            CROSS JOIN LATERAL (
                WITH RECURSIVE leaps AS (
                    SELECT 1 AS leap, (
                        SELECT min(d.org_id) FROM runtime.sync_documents AS d
                        WHERE d.topic = t.topic AND NOT d.deleted AND d.org_id > ''
                    ) AS org_id
                    UNION ALL
                    SELECT l.leap + 1, (
                        SELECT min(d.org_id) FROM runtime.sync_documents AS d
                        WHERE d.topic = t.topic AND NOT d.deleted AND d.org_id > l.org_id
                    )
                    FROM leaps AS l
                    WHERE l.org_id IS NOT NULL AND l.leap <= 1000
                )
                SELECT l.org_id FROM leaps AS l
                WHERE l.org_id IS NOT NULL
            ) AS o
            ORDER BY o.org_id
            LIMIT 1001
        ) AS f;
    END IF;
    SELECT greatest(10, 200000 / greatest(count(*) * cardinality(v_names[:1000]), 1)) INTO v_most FROM runtime.sync_topics;
    RETURN json_build_object(
        'organisations', (
            SELECT coalesce(
                json_agg(
                    json_build_object('org_id', o.org_id, 'documents', n.documents, 'documents_at_least', n.is_cut)
                    ORDER BY o.place
                ),
                '[]'
            )
            FROM unnest(v_names[:1000]) WITH ORDINALITY AS o (org_id, place)
            CROSS JOIN LATERAL (
                SELECT sum(least(c.documents, v_most))::bigint AS documents, bool_or(c.documents > v_most) AS is_cut
                FROM runtime.sync_topics AS t
                CROSS JOIN LATERAL (
                    SELECT count(*) AS documents
                    FROM (
                        SELECT FROM runtime.sync_documents AS d
                        WHERE d.topic = t.topic AND d.org_id = o.org_id AND NOT d.deleted
                        LIMIT v_most + 1
                    ) AS counted
                ) AS c
            ) AS n
        ),
        'complete', coalesce(cardinality(v_names), 0) <= 1000
    );
END
$$;

COMMENT ON FUNCTION khala.admin_organisations(text, text[]) IS
'Organisations that own documents, for administrators. Arguments: organisation and scopes of the token. Result: {"organisations": [{"org_id", "documents", "documents_at_least"}], "complete"}, in order, 1000 at most; documents are counted up to a bound, and documents_at_least says that there are more; without the scope khala.admin.all the organisation of the token alone. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_organisations(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_organisations(text, text[]) TO khala_relay;
