-- Comparisons with the legacy backend: those of the last hour by topic, the gates, and the last cycles.

CREATE OR REPLACE FUNCTION khala.admin_parity(p_org_id text, p_scopes text[])
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
    PERFORM khala_internal.admin_organisation(p_org_id, p_scopes, TRUE);
    RETURN json_build_object(
        'topics', (
            SELECT coalesce(
                json_agg(
                    json_build_object('topic', t.topic, 'reasons', t.reasons, 'max_drift', t.max_drift)
                    ORDER BY t.topic COLLATE "C"
                ),
                '[]'
            )
            FROM (
                SELECT r.topic, json_object_agg(r.reason, r.documents ORDER BY r.reason) AS reasons, max(r.max_drift) AS max_drift
                FROM (
                    SELECT n.topic, n.reason, sum(n.documents) AS documents,
                        max(n.drift) FILTER (WHERE n.reason <> 'unread') AS max_drift
                    FROM runtime.parity_cycles AS c
                    INNER JOIN runtime.parity_counts AS n ON c.cycle = n.cycle
                    WHERE c.finished_at > now() - INTERVAL '1 hour'
                    GROUP BY n.topic, n.reason
                ) AS r
                GROUP BY r.topic
            ) AS t
        ),
        'gates', (
            SELECT coalesce(
                json_agg(
                    json_build_object('gate', g.gate, 'is_met', g.is_met, 'found', g.found, 'allowed', g.allowed)
                    ORDER BY g.place
                ),
                '[]'
            )
            FROM khala.parity_gates() WITH ORDINALITY AS g (gate, is_met, found, allowed, place)
        ),
        'cycles', (
            SELECT coalesce(
                json_agg(
                    json_build_object(
                        'cycle', c.cycle,
                        'started_at', khala_internal.iso_timestamp(c.started_at),
                        'finished_at', khala_internal.iso_timestamp(c.finished_at),
                        'sampled', c.sampled,
                        'error', c.error,
                        'reasons', c.reasons
                    )
                    ORDER BY c.cycle DESC
                ),
                '[]'
            )
            FROM (
                SELECT l.*, (
                    SELECT coalesce(json_object_agg(n.reason, n.documents ORDER BY n.reason), '{}')
                    FROM (
                        SELECT p.reason, sum(p.documents) AS documents
                        FROM runtime.parity_counts AS p
                        WHERE p.cycle = l.cycle
                        GROUP BY p.reason
                    ) AS n
                ) AS reasons
                FROM runtime.parity_cycles AS l
                ORDER BY l.cycle DESC
                LIMIT 20
            ) AS c
        )
    );
END
$$;

COMMENT ON FUNCTION khala.admin_parity(text, text[]) IS
'Comparisons with the legacy backend, for administrators. Arguments: organisation and scopes of the token. Result: {"topics": [{"topic", "reasons": {reason: documents}, "max_drift"}] of the last hour, "gates": khala.parity_gates(), "cycles": [{"cycle", "started_at", "finished_at", "sampled", "error", "reasons"}], the last 20, newest first}. Errors: KH025.';
REVOKE ALL ON FUNCTION khala.admin_parity(text, text[]) FROM public;
GRANT EXECUTE ON FUNCTION khala.admin_parity(text, text[]) TO khala_relay;
