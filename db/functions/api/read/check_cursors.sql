-- Checks a subscribe request in the protocol's order: shape, known topics, scopes, cursors. Shape, topics and scopes
-- raise an error; stale cursors are rows of the result, because the response names every one of them. With scopes, an
-- unknown topic and one out of scope raise the same error, and so does a filter that reaches beyond the scopes.

CREATE OR REPLACE FUNCTION khala.check_cursors(
    p_topics text[],
    p_resume_after jsonb DEFAULT NULL,
    p_epoch text DEFAULT NULL,
    p_scopes text[] DEFAULT NULL,
    p_filters jsonb DEFAULT NULL
)
RETURNS TABLE (
    name text,
    topic text,
    enum_name text,
    resume_after bigint,
    head_watermark bigint,
    retention_floor bigint,
    stale boolean,
    reason text,
    subset jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planning takes three times as long as checking a request of one topic.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_names text[];
    v_cursors text[];
    v_bad text;
    v_forbidden text[];
    v_epoch text := khala.current_epoch();
BEGIN
    IF array_ndims(p_topics) IS DISTINCT FROM 1 OR array_position(p_topics, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'p_topics is empty or contains NULL'
            USING ERRCODE = 'KH007', HINT = 'Pass at least one topic, and no null.';
    END IF;
    IF array_to_string(p_topics, '') LIKE '%/%' THEN
        RAISE EXCEPTION 'topics holds %, and a topic has no /', (
            SELECT quote_literal(left(n.name, 200)) FROM unnest(p_topics) AS n (name) WHERE n.name LIKE '%/%' LIMIT 1
        )
            USING ERRCODE = 'KH007', HINT = 'Send the topic alone, and what its keys begin with as filters: {"<topic>": {"prefix": "…"}}.';
    END IF;
    IF p_filters IS NOT NULL THEN
        PERFORM khala_internal.check_filters(p_filters);
    END IF;

    -- The map and the list form become two arrays. A cursor must be a whole number from 0, as a JSON
    -- number or a string of digits.
    IF jsonb_typeof(p_resume_after) = 'object' THEN
        SELECT array_agg(m.key), array_agg(
            CASE WHEN jsonb_typeof(m.value) IN ('number', 'string') THEN m.value #>> '{}' ELSE m.value::text END
        )
        INTO v_names, v_cursors
        FROM jsonb_each(p_resume_after) AS m;
    ELSIF jsonb_typeof(p_resume_after) = 'array' THEN
        SELECT array_agg(e.entry ->> 'topic'), array_agg(
            CASE
                WHEN jsonb_typeof(e.entry) = 'object' AND jsonb_typeof(e.entry -> 'topic') = 'string'
                    AND jsonb_typeof(e.entry -> 'watermark') IN ('number', 'string')
                    THEN e.entry ->> 'watermark'
                ELSE e.entry::text
            END
        )
        INTO v_names, v_cursors
        FROM jsonb_array_elements(p_resume_after) AS e (entry);
    ELSIF jsonb_typeof(p_resume_after) <> 'null' THEN
        RAISE EXCEPTION 'resume_after is not an object or array but a JSON %', jsonb_typeof(p_resume_after)
            USING ERRCODE = 'KH007', HINT = 'Send {"<topic>": <watermark>} or [{"topic": …, "watermark": …}].';
    END IF;
    SELECT c.cursor INTO v_bad
    FROM unnest(v_names, v_cursors) AS c (name, cursor)
    WHERE c.name IS NULL OR c.cursor IS NULL OR c.cursor !~ '^[0-9]{1,19}$' OR c.cursor::numeric > 9223372036854775806
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'resume_after holds %, which is not a watermark', coalesce(left(v_bad, 100), 'null')
            USING ERRCODE = 'KH007', HINT = 'Use a whole number from 0, as a JSON number or a string of digits.';
    END IF;

    SELECT array_agg(DISTINCT n.name ORDER BY n.name) INTO v_forbidden
    FROM (SELECT unnest(p_topics) AS name) AS n
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE n.name IN (t.topic, t.enum_name) AND (
            p_scopes IS NULL OR t.topic = ANY (p_scopes)
            OR khala_internal.scope_prefixes(p_scopes, t.topic, t.enum_name) IS NOT NULL
        )
    );
    IF v_forbidden IS NOT NULL THEN
        IF p_scopes IS NULL THEN
            PERFORM khala_internal.refuse_topic(VARIADIC v_forbidden);
        END IF;
        RAISE EXCEPTION 'the token does not allow topic %', quote_literal(left(v_forbidden[1], 200))
            USING ERRCODE = 'KH006', DETAIL = json_build_object('forbidden_topics', v_forbidden),
                HINT = 'Use a token whose scopes include the topic.';
    END IF;
    IF p_filters IS NOT NULL THEN
        SELECT array_agg(DISTINCT f.key ORDER BY f.key) INTO v_forbidden
        FROM jsonb_each(p_filters) AS f
        INNER JOIN runtime.sync_topics AS t ON f.key IN (t.topic, t.enum_name)
        WHERE (t.topic = ANY (p_topics) OR t.enum_name = ANY (p_topics)) AND NOT khala_internal.is_within(
            khala_internal.filter_beginnings(f.value), khala_internal.scope_prefixes(p_scopes, t.topic, t.enum_name)
        );
        IF v_forbidden IS NOT NULL THEN
            RAISE EXCEPTION 'the filter reaches beyond what the token allows of topic %', quote_literal(left(v_forbidden[1], 200))
                USING ERRCODE = 'KH006', DETAIL = json_build_object('forbidden_topics', v_forbidden),
                    HINT = 'Use keys, or a prefix, that begin as the token''s scopes of the topic do, or leave the filter out.';
        END IF;
        SELECT f.key INTO v_bad
        FROM jsonb_object_keys(p_filters) AS f (key)
        WHERE (
            SELECT count(*) FROM runtime.sync_topics AS t
            WHERE f.key IN (t.topic, t.enum_name) AND (t.topic = ANY (p_topics) OR t.enum_name = ANY (p_topics))
                -- By its other name as well, it would have two filters.
                AND (f.key = t.enum_name AND p_filters ? t.topic) IS NOT TRUE
        ) <> 1
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'filters names topic %, which is not among the topics or has another filter', quote_literal(left(v_bad, 200))
                USING ERRCODE = 'KH007', HINT = 'Send one filter for a topic, and only for topics of the request.';
        END IF;
    END IF;
    -- A cursor for a topic that is not subscribed would be ignored silently.
    SELECT c.name INTO v_bad
    FROM unnest(v_names) AS c (name)
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE c.name IN (t.topic, t.enum_name) AND (t.topic = ANY (p_topics) OR t.enum_name = ANY (p_topics))
    )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'resume_after names topic %, which is not among the topics', quote_literal(left(v_bad, 200))
            USING ERRCODE = 'KH007', HINT = 'Send cursors only for the topics of the request.';
    END IF;
    RETURN QUERY
    SELECT j.name, j.topic, j.enum_name, j.cursor, j.head_watermark, j.retention_floor, j.reason IS NOT NULL, j.reason,
        -- Most requests are for whole topics, and the calls would double the time of the check.
        CASE
            WHEN j.asked IS NOT NULL OR p_scopes IS NOT NULL AND j.topic = ANY (p_scopes) IS NOT TRUE
                THEN khala_internal.make_subset(
                    coalesce(
                        khala_internal.filter_beginnings(j.asked),
                        khala_internal.scope_prefixes(p_scopes, j.topic, j.enum_name)
                    ),
                    coalesce(j.asked ? 'keys', FALSE)
                )
        END
    FROM (
        SELECT n.name, n.ordinality, n.topic, n.enum_name, c.cursor, s.head_watermark, r.retention_floor,
            CASE
                WHEN c.cursor IS NOT NULL
                    THEN khala_internal.stale_reason(c.cursor, s.head_watermark, r.retention_floor, p_epoch, v_epoch)
            END AS reason,
            CASE
                WHEN p_filters IS NOT NULL
                    THEN (SELECT f.value FROM jsonb_each(p_filters) AS f WHERE f.key IN (n.topic, n.enum_name))
            END AS asked
        FROM (
            -- A topic that is named twice is meant once, by the first name.
            SELECT DISTINCT ON (t.topic) u.name, u.ordinality, t.topic, t.enum_name
            FROM unnest(p_topics) WITH ORDINALITY AS u (name, ordinality)
            INNER JOIN runtime.sync_topics AS t ON u.name IN (t.topic, t.enum_name)
            ORDER BY t.topic, u.ordinality
        ) AS n
        INNER JOIN runtime.sync_topic_sequences AS s ON n.topic = s.topic
        INNER JOIN runtime.sync_topic_retention AS r ON n.topic = r.topic
        LEFT JOIN LATERAL (
            -- The lowest of several misses nothing.
            SELECT min(u.cursor::bigint) AS cursor
            FROM unnest(v_names, v_cursors) AS u (name, cursor)
            WHERE u.name IN (n.topic, n.enum_name)
        ) AS c ON TRUE
    ) AS j
    ORDER BY j.ordinality;
END
$$;

COMMENT ON FUNCTION khala.check_cursors(text[], jsonb, text, text[], jsonb) IS
'Checks a subscribe request. Arguments: topics, either name, each meant once; cursors as {topic: watermark} or [{topic, watermark}], numbers or strings, the lowest of a topic; epoch of the cursors, null for the current one; scopes of the token: topics, either name, or topics with a slash and a prefix of keys, null for all; filters as {topic: {"keys": […]}} or {topic: {"prefix": …}}, null for none. Result: per topic the name used, both names, its cursor (null: none given), head, retention floor, whether the cursor is stale and why: below_floor, cursor_ahead or epoch_changed; the subset of its keys that filter and scopes leave, as the functions that read the topic take it: {"lengths": […], "marks": {…}}, null for all keys. Errors: KH001 unknown topic, KH006 topics or filters out of scope, KH007 malformed.';
REVOKE ALL ON FUNCTION khala.check_cursors(text[], jsonb, text, text[], jsonb) FROM public;
GRANT EXECUTE ON FUNCTION khala.check_cursors(text[], jsonb, text, text[], jsonb) TO khala_relay, khala_dba;
