-- Written by `make schema`: what the migrations make, as PostgreSQL 18's pg_dump says it.

CREATE SCHEMA khala;

ALTER SCHEMA khala OWNER TO khala_owner;

COMMENT ON SCHEMA khala IS 'Khala Sync: the SQL API: functions and views, each granted to a role';

CREATE SCHEMA khala_internal;

ALTER SCHEMA khala_internal OWNER TO khala_owner;

COMMENT ON SCHEMA khala_internal IS 'Khala Sync: what the API is made of, granted to nobody';

CREATE SCHEMA runtime;

ALTER SCHEMA runtime OWNER TO khala_owner;

COMMENT ON SCHEMA runtime IS 'Khala Sync: tables (topics, journal, read models) and the runtime''s own event history';

CREATE FUNCTION khala.append_codex_worker_event(p_worker_id text, p_event_type text, p_payload jsonb DEFAULT '{}'::jsonb, p_org_id text DEFAULT NULL::text, p_seq bigint DEFAULT NULL::bigint, p_occurred_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(seq bigint, outcome text, watermark bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT a.seq, a.outcome, a.watermark
FROM khala_internal.append_event('codex_worker', p_worker_id, p_event_type, p_payload, p_org_id, p_seq, p_occurred_at) AS a;
$$;

ALTER FUNCTION khala.append_codex_worker_event(p_worker_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.append_codex_worker_event(p_worker_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) IS 'Appends an event to a codex worker and projects its summary. Arguments: codex worker id, event type (such as worker.started), payload object, owner organisation (fixed by the first event; NULL keeps it, at first: public), sequence number to append at (NULL: the next one), moment (NULL: now). Result: sequence number, appended or duplicate (there already with the same content; nothing is written), watermark of the summary. Errors: KH004 payload above 1 MiB, KH005 payload not I-JSON, KH007 invalid argument, KH009 gap, conflict or another owner.';

CREATE FUNCTION khala.append_run_event(p_run_id text, p_event_type text, p_payload jsonb DEFAULT '{}'::jsonb, p_org_id text DEFAULT NULL::text, p_seq bigint DEFAULT NULL::bigint, p_occurred_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(seq bigint, outcome text, watermark bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT a.seq, a.outcome, a.watermark
FROM khala_internal.append_event('run', p_run_id, p_event_type, p_payload, p_org_id, p_seq, p_occurred_at) AS a;
$$;

ALTER FUNCTION khala.append_run_event(p_run_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.append_run_event(p_run_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) IS 'Appends an event to a run and projects its summary. Arguments: run id, event type (such as run.started), payload object, owner organisation (fixed by the first event; NULL keeps it, at first: public), sequence number to append at (NULL: the next one), moment (NULL: now). Result: sequence number, appended or duplicate (there already with the same content; nothing is written), watermark of the summary. Errors: KH004 payload above 1 MiB, KH005 payload not I-JSON, KH007 invalid argument, KH009 gap, conflict or another owner.';

CREATE FUNCTION khala.arm(p_topics text[], p_seen bigint[]) RETURNS TABLE(topic text, head_watermark bigint, state text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    IF array_ndims(p_topics) > 1 OR array_ndims(p_seen) > 1
        OR coalesce(cardinality(p_topics), 0) <> coalesce(cardinality(p_seen), 0)
        OR array_position(p_topics, NULL) IS NOT NULL OR array_position(p_seen, NULL) IS NOT NULL
    THEN
        RAISE EXCEPTION 'every topic needs the watermark seen of it'
            USING ERRCODE = 'KH007', HINT = 'Pass two arrays of the same length without nulls.';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_topics) AS a (name)
        WHERE NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE a.name IN (t.topic, t.enum_name))
    ) THEN
        RAISE EXCEPTION 'a topic of % is not known', p_topics
            USING ERRCODE = 'KH001',
                HINT = 'Register it with khala.register_topic; khala.topic_stats lists those there are.';
    END IF;
    RETURN QUERY
    WITH asked AS (
        SELECT a.name, a.seen, t.topic
        FROM unnest(p_topics, p_seen) AS a (name, seen)
        INNER JOIN runtime.sync_topics AS t ON a.name IN (t.topic, t.enum_name)
    ),
    free AS MATERIALIZED (
        SELECT s.topic, s.head_watermark, s.armed
        FROM runtime.sync_topic_sequences AS s
        WHERE s.topic IN (SELECT a.topic FROM asked AS a)
        ORDER BY s.topic
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    armed AS (
        UPDATE runtime.sync_topic_sequences AS s
        SET armed = TRUE
        FROM free AS f
        WHERE s.topic = f.topic AND NOT f.armed
            AND EXISTS (SELECT FROM asked AS a WHERE a.topic = f.topic AND a.seen >= f.head_watermark)
    )
    SELECT a.name, coalesce(f.head_watermark, s.head_watermark),
        CASE
            WHEN f.topic IS NULL THEN 'busy'
            WHEN a.seen < f.head_watermark THEN 'moved'
            ELSE 'armed'
        END
    FROM asked AS a
    INNER JOIN runtime.sync_topic_sequences AS s ON a.topic = s.topic
    LEFT JOIN free AS f ON a.topic = f.topic;
END
$$;

ALTER FUNCTION khala.arm(p_topics text[], p_seen bigint[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.arm(p_topics text[], p_seen bigint[]) IS 'Asks for a notification at the next write. Arguments: topics, either name; the watermark seen of each. Result: per topic its head and state: armed (sleep), moved (the head is beyond what was seen: look now) or busy (a writer holds it: look again shortly). Errors: KH001, KH007.';

CREATE FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea) RETURNS TABLE(subject text, org_id text, scopes text[])
    LANGUAGE plpgsql SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_last_used_at timestamptz;
BEGIN
    SELECT k.subject, k.org_id, k.scopes, k.last_used_at INTO subject, org_id, scopes, v_last_used_at
    FROM runtime.api_keys AS k
    WHERE k.key_id = p_key_id AND k.secret_hash = p_secret_hash AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
    IF NOT found THEN
        RETURN;
    END IF;
    -- To the hour, so that making tokens is no stream of writes; a key in use elsewhere is not waited for.
    IF v_last_used_at IS NULL OR v_last_used_at < clock_timestamp() - INTERVAL '1 hour' THEN
        UPDATE runtime.api_keys AS k SET last_used_at = clock_timestamp()
        WHERE k.key_id = (SELECT l.key_id FROM runtime.api_keys AS l WHERE l.key_id = p_key_id FOR UPDATE SKIP LOCKED);
    END IF;
    RETURN NEXT;
END
$$;

ALTER FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea) IS 'Whom an API key speaks for. Arguments: its id; SHA-256 of the secret that was shown. Result: subject, organisation and topics of its tokens; no row when the key is unknown, the secret another, or the key has ended. Errors: none.';

CREATE FUNCTION khala.canonical_json(p_payload jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT khala_internal.canonical_json(p_payload);
$$;

ALTER FUNCTION khala.canonical_json(p_payload jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.canonical_json(p_payload jsonb) IS 'RFC 8785 text of a JSON value. Argument: the value. Result: canonical text. Errors: KH005 for a number that no double represents, or nesting beyond 64 levels.';

CREATE FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb DEFAULT NULL::jsonb, p_epoch text DEFAULT NULL::text, p_scopes text[] DEFAULT NULL::text[]) RETURNS TABLE(name text, topic text, resume_after bigint, head_watermark bigint, retention_floor bigint, stale boolean, reason text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
#variable_conflict use_column
DECLARE
    v_names text[];
    v_cursors text[];
    v_bad text;
    v_forbidden text[];
    v_epoch text := khala.current_epoch();
BEGIN
    IF array_ndims(p_topics) IS DISTINCT FROM 1 OR array_position(p_topics, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no topics were named'
            USING ERRCODE = 'KH007', HINT = 'Name at least one topic, and no null.';
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
        RAISE EXCEPTION 'resume_after is neither an object nor a list but a JSON %', jsonb_typeof(p_resume_after)
            USING ERRCODE = 'KH007', HINT = 'Send {"<topic>": <watermark>} or [{"topic": …, "watermark": …}].';
    END IF;
    SELECT c.cursor INTO v_bad
    FROM unnest(v_names, v_cursors) AS c (name, cursor)
    WHERE c.name IS NULL OR c.cursor IS NULL OR c.cursor !~ '^[0-9]{1,19}$' OR c.cursor::numeric > 9223372036854775806
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'resume_after holds %, which is not a watermark', coalesce(left(v_bad, 100), 'null')
            USING ERRCODE = 'KH007', HINT = 'A watermark is a whole number from 0, as a JSON number or a string of digits.';
    END IF;

    SELECT array_agg(DISTINCT n.name ORDER BY n.name) INTO v_forbidden
    FROM (SELECT unnest(p_topics) AS name) AS n
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE n.name IN (t.topic, t.enum_name) AND (p_scopes IS NULL OR t.topic = ANY (p_scopes))
    );
    IF v_forbidden IS NOT NULL THEN
        IF p_scopes IS NULL THEN
            RAISE EXCEPTION 'topic % is not known', quote_literal(left(v_forbidden[1], 200))
                USING ERRCODE = 'KH001', DETAIL = json_build_object('unknown_topics', v_forbidden),
                    HINT = 'Register it with khala.register_topic; khala.topic_stats lists those there are.';
        END IF;
        RAISE EXCEPTION 'the token does not allow topic %', quote_literal(left(v_forbidden[1], 200))
            USING ERRCODE = 'KH006', DETAIL = json_build_object('forbidden_topics', v_forbidden),
                HINT = 'Ask for a token whose scopes include the topic.';
    END IF;
    -- A cursor for a topic that is not subscribed would be lost without a word.
    SELECT c.name INTO v_bad
    FROM unnest(v_names) AS c (name)
    WHERE NOT EXISTS (
        SELECT FROM runtime.sync_topics AS t
        WHERE c.name IN (t.topic, t.enum_name) AND (t.topic = ANY (p_topics) OR t.enum_name = ANY (p_topics))
    )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'resume_after names topic %, which is not among the topics', quote_literal(left(v_bad, 200))
            USING ERRCODE = 'KH007', HINT = 'Give cursors only for the topics of the request.';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_topics) AS n (name)
        INNER JOIN runtime.sync_topics AS t ON n.name IN (t.topic, t.enum_name)
        GROUP BY t.topic HAVING count(*) > 1
    ) OR EXISTS (
        SELECT FROM unnest(v_names) AS n (name)
        INNER JOIN runtime.sync_topics AS t ON n.name IN (t.topic, t.enum_name)
        GROUP BY t.topic HAVING count(*) > 1
    ) THEN
        RAISE EXCEPTION 'a topic is named twice'
            USING ERRCODE = 'KH007', HINT = 'Name each topic once, by one of its two names.';
    END IF;

    RETURN QUERY
    SELECT j.name, j.topic, j.cursor, j.head_watermark, j.retention_floor, j.reason IS NOT NULL, j.reason
    FROM (
        SELECT n.name, n.ordinality, t.topic, c.cursor, s.head_watermark, r.retention_floor,
            CASE
                WHEN c.cursor IS NULL THEN NULL
                WHEN v_epoch IS NULL OR p_epoch <> v_epoch THEN 'epoch_changed'
                WHEN c.cursor > s.head_watermark THEN 'cursor_ahead'
                WHEN c.cursor + 1 < r.retention_floor THEN 'below_floor'
            END AS reason
        FROM unnest(p_topics) WITH ORDINALITY AS n (name, ordinality)
        INNER JOIN runtime.sync_topics AS t ON n.name IN (t.topic, t.enum_name)
        INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
        INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
        LEFT JOIN LATERAL (
            SELECT u.cursor::bigint AS cursor
            FROM unnest(v_names, v_cursors) AS u (name, cursor)
            WHERE u.name IN (t.topic, t.enum_name)
        ) AS c ON TRUE
    ) AS j
    ORDER BY j.ordinality;
END
$_$;

ALTER FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb, p_epoch text, p_scopes text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb, p_epoch text, p_scopes text[]) IS 'Judges a subscribe request. Arguments: topics, either name; cursors as {topic: watermark} or [{topic, watermark}], numbers or strings; epoch they count in, null to take the one in force; topics the token allows, null for all. Result: per topic the name used, the topic, its cursor (null: none given), head, retention floor, whether the cursor is stale and why: below_floor, cursor_ahead or epoch_changed. Errors: KH001 unknown topic, KH006 topics out of scope, KH007 malformed.';

CREATE FUNCTION khala.count_entities(p_kind text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT count(*) FROM runtime.entities AS e WHERE e.kind = p_kind;
$$;

ALTER FUNCTION khala.count_entities(p_kind text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.count_entities(p_kind text) IS 'Number of entities of a kind. Argument: run or codex_worker. Result: the number, 0 for another kind. Errors: none.';

CREATE FUNCTION khala.create_api_key(p_key_id text, p_secret_hash bytea, p_label text, p_subject text, p_org_id text, p_scopes text[], p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_unknown text;
    v_created_at timestamptz;
BEGIN
    SELECT min(s.scope) INTO v_unknown
    FROM unnest(p_scopes) AS s (scope)
    WHERE NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE s.scope IN (t.topic, t.enum_name));
    IF v_unknown IS NOT NULL THEN
        PERFORM khala_internal.refuse_topic(v_unknown);
    END IF;
    IF p_expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the key would have expired already'
            USING ERRCODE = 'KH007', HINT = 'Pass a moment to come, or null for a key without an end.';
    END IF;
    INSERT INTO runtime.api_keys (key_id, secret_hash, label, subject, org_id, scopes, expires_at)
    VALUES (p_key_id, p_secret_hash, p_label, p_subject, p_org_id, p_scopes, p_expires_at)
    RETURNING created_at INTO v_created_at;
    RETURN v_created_at;
EXCEPTION
    WHEN check_violation OR not_null_violation OR unique_violation THEN
        RAISE EXCEPTION 'not a key that can be stored: %', SQLERRM
            USING ERRCODE = 'KH007',
                HINT = 'A fresh id of 8 to 32 characters 0-9a-z, 32 bytes of hash, label, subject, organisation, a topic.';
END
$$;

ALTER FUNCTION khala.create_api_key(p_key_id text, p_secret_hash bytea, p_label text, p_subject text, p_org_id text, p_scopes text[], p_expires_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.create_api_key(p_key_id text, p_secret_hash bytea, p_label text, p_subject text, p_org_id text, p_scopes text[], p_expires_at timestamp with time zone) IS 'Stores an API key. Arguments: its id; SHA-256 of its secret; a label for humans; subject and organisation of the tokens made with it; topics they may be for; when it ends, null for never. Result: when it was created. Errors: KH001 unknown topic, KH007.';

CREATE FUNCTION khala.current_epoch() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- In PL/pgSQL because that keeps the plan; before PostgreSQL 18 SQL functions made a new one at each call.
    RETURN (
        SELECT CASE WHEN split_part(e.fingerprint, '/', 4) = pg_relation_filenode(e.tableoid)::text THEN e.epoch END
        FROM runtime.sync_epochs AS e
        ORDER BY e.epoch_number DESC
        LIMIT 1
    );
END
$$;

ALTER FUNCTION khala.current_epoch() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.current_epoch() IS 'The epoch in force. Arguments: none. Result: its name, null in a restored dump until khala.ensure_epoch has been called. Errors: none.';

CREATE FUNCTION khala.database_fingerprint() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT concat_ws(
    '/',
    (SELECT s.system_identifier FROM pg_control_system() AS s),
    -- The checkpoint record lags behind a promotion; the file being written does not.
    CASE
        WHEN pg_is_in_recovery() THEN (SELECT c.timeline_id FROM pg_control_checkpoint() AS c)
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END,
    (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()),
    pg_relation_filenode('runtime.sync_epochs')
);
$$;

ALTER FUNCTION khala.database_fingerprint() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.database_fingerprint() IS 'Internal: which server, timeline, database and table file this is. Arguments: none. Result: system identifier/timeline/database/table file. Errors: none.';

CREATE FUNCTION khala.ensure_epoch() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_epoch text;
    v_fingerprint text;
BEGIN
    FOR v_attempt IN 1 .. 2 LOOP
        SELECT e.epoch, e.fingerprint INTO v_epoch, v_fingerprint
        FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1;
        IF v_fingerprint = khala.database_fingerprint() THEN
            RETURN v_epoch;
        END IF;
        -- Two relays that find out at once must agree: the second looks again under the lock.
        PERFORM pg_advisory_xact_lock(hashtextextended('khala.ensure_epoch', 0));
    END LOOP;
    RETURN khala.new_epoch(CASE WHEN v_epoch IS NULL THEN 'first' ELSE 'database restored, copied or promoted' END);
END
$$;

ALTER FUNCTION khala.ensure_epoch() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.ensure_epoch() IS 'The epoch in force, a new one if the database was restored, copied or promoted since. Arguments: none. Result: the epoch. Errors: none.';

CREATE FUNCTION khala.event_age(p_topic text, p_watermark bigint) RETURNS double precision
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT date_part('epoch', clock_timestamp() - e.inserted_at)
FROM runtime.sync_stream_events AS e
WHERE e.topic = p_topic AND e.watermark = p_watermark;
$$;

ALTER FUNCTION khala.event_age(p_topic text, p_watermark bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.event_age(p_topic text, p_watermark bigint) IS 'How long ago an event was written. Arguments: the topic''s own name; watermark. Result: seconds since the row was inserted, shortly before its commit; null when it is not in the journal. Errors: none.';

CREATE FUNCTION khala.head_watermarks(p_topics text[]) RETURNS TABLE(topic text, head_watermark bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.topic, s.head_watermark
    FROM runtime.sync_topic_sequences AS s
    WHERE s.topic = ANY(p_topics);
END
$$;

ALTER FUNCTION khala.head_watermarks(p_topics text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.head_watermarks(p_topics text[]) IS 'The heads of topics. Argument: their own names. Result: a row for each that is there, its head. Errors: none.';

CREATE FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
DECLARE
    v_cursor record;
    v_doc_key text;
    v_doc_version bigint;
    v_watermark bigint;
    v_hash bytea;
    v_payload jsonb;
    v_bytes integer;
BEGIN
    v_cursor := khala_internal.open_cursor(p_topic, NULL, NULL);
    -- Planned at each call, for a generic plan over all read models locks every one of them first.
    EXECUTE
        'SELECT d.doc_key, d.doc_version, d.watermark, d.payload_hash, d.payload, d.payload_bytes
        FROM runtime.sync_documents AS d
        WHERE d.topic = $1 AND d.doc_key = $2 AND NOT d.deleted AND (d.org_id IS NULL OR d.org_id = $3)'
    INTO v_doc_key, v_doc_version, v_watermark, v_hash, v_payload, v_bytes
    USING v_cursor.topic, p_doc_key, p_org_id;
    RETURN khala_internal.update_text(
        p_topic, v_doc_key, v_doc_version, v_watermark, v_hash, FALSE, khala_internal.payload_text(v_payload, v_bytes)
    );
END
$_$;

ALTER FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text) IS 'One document with its payload. Arguments: topic, either name; document key; organisation, null sees public documents only. Result: an Update as JSON text; null when there is no such document, it is deleted, or belongs to another. Errors: KH001.';

CREATE FUNCTION khala.ingest_events(p_events jsonb) RETURNS TABLE(received integer, appended integer, duplicates integer, projected integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_ordinal bigint;
    v_event jsonb;
    v_state text;
    v_message text;
    v_hint text;
    v_ordinals bigint[];
    v_kinds text[];
    v_ids text[];
    v_seqs bigint[];
    v_types text[];
    v_payloads jsonb[];
    v_org_ids text[];
    v_moments timestamptz[];
    v_kind text;
BEGIN
    IF jsonb_typeof(p_events) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'events are %, not an array', coalesce('a JSON ' || jsonb_typeof(p_events), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Send [{"entity": "run", "id": …, "seq": …, "type": …, "payload": {…}}, …].';
    END IF;
    received := jsonb_array_length(p_events);
    projected := 0;
    IF received > 10000 THEN
        RAISE EXCEPTION 'batch of % events', received
            USING ERRCODE = 'KH007', HINT = 'Send at most 10000 at once.';
    END IF;

    BEGIN
        FOR v_event, v_ordinal IN
            SELECT e.value, e.ordinality FROM jsonb_array_elements(p_events) WITH ORDINALITY AS e
        LOOP
            PERFORM khala_internal.check_event_document(v_event);
        END LOOP;
    EXCEPTION
        WHEN SQLSTATE 'KH004' OR SQLSTATE 'KH005' OR SQLSTATE 'KH007' THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION '%', v_message
                USING ERRCODE = v_state, DETAIL = json_build_object('ordinal', v_ordinal), HINT = v_hint;
    END;

    SELECT
        array_agg(e.ordinal), array_agg(e.entity), array_agg(e.id), array_agg(e.seq), array_agg(e.type),
        array_agg(coalesce(e.payload, '{}')), array_agg(e.org_id), array_agg(e.occurred_at)
    INTO v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_org_ids, v_moments
    FROM (
        SELECT r.* FROM ROWS FROM (
            jsonb_to_recordset(p_events) AS (
                entity text, id text, seq bigint, type text, payload jsonb, org_id text, occurred_at timestamptz
            )
        ) WITH ORDINALITY AS r (entity, id, seq, type, payload, org_id, occurred_at, ordinal)
    ) AS e;

    -- Entities are created, then locked, each time in one order: two batches cannot wait for each other.
    INSERT INTO runtime.entities (kind, id, latest_seq, org_id)
    SELECT DISTINCT ON (i.kind, i.id) i.kind, i.id, 0, i.org_id
    FROM unnest(v_kinds, v_ids, v_seqs, v_org_ids, v_ordinals) AS i (kind, id, seq, org_id, ordinal)
    ORDER BY i.kind, i.id, i.seq, i.ordinal
    ON CONFLICT (kind, id) DO NOTHING;
    PERFORM e.id
    FROM runtime.entities AS e
    WHERE (e.kind, e.id) IN (SELECT i.kind, i.id FROM unnest(v_kinds, v_ids) AS i (kind, id))
    ORDER BY e.kind, e.id
    FOR NO KEY UPDATE;

    WITH incoming AS (
        SELECT i.*, e.latest_seq, e.org_id AS owner,
            row_number() OVER same AS occurrence,
            first_value(i.event_type) OVER same AS first_type,
            first_value(i.payload) OVER same AS first_payload,
            first_value(i.occurred_at) OVER same AS first_occurred_at
        FROM unnest(v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_org_ids, v_moments)
            AS i (ordinal, kind, id, seq, event_type, payload, org_id, occurred_at)
        INNER JOIN runtime.entities AS e ON i.kind = e.kind AND i.id = e.id
        WINDOW same AS (PARTITION BY i.kind, i.id, i.seq ORDER BY i.ordinal)
    ),
    judged AS (
        SELECT i.ordinal,
            CASE
                WHEN i.org_id IS DISTINCT FROM i.owner AND i.org_id IS NOT NULL THEN format(
                    '%s %L belongs to %s, not to organisation %L', i.kind, i.id,
                    coalesce('organisation ' || quote_literal(i.owner), 'nobody'), i.org_id
                )
                WHEN (
                    i.occurrence > 1 AND (
                        i.event_type = i.first_type AND i.payload = i.first_payload
                        AND coalesce(i.occurred_at, i.first_occurred_at) IS NOT DISTINCT FROM i.first_occurred_at
                    ) IS NOT TRUE
                ) OR (
                    i.seq <= i.latest_seq AND (
                        i.event_type = v.event_type AND i.payload = v.payload
                        AND coalesce(i.occurred_at, v.occurred_at) = v.occurred_at
                    ) IS NOT TRUE
                )
                    THEN format('event %s of %s %L is already there with other content', i.seq, i.kind, i.id)
                WHEN i.seq > i.latest_seq AND i.seq <> i.latest_seq + count(*) FILTER (
                    WHERE i.seq > i.latest_seq AND i.occurrence = 1
                ) OVER (PARTITION BY i.kind, i.id ORDER BY i.seq)
                    THEN format('event %s of %s %L would leave a gap: the last one is %s', i.seq, i.kind, i.id, i.latest_seq)
            END AS problem
        FROM incoming AS i
        LEFT JOIN runtime.entity_events AS v
            ON i.kind = v.kind AND i.id = v.id AND i.seq = v.seq AND i.seq <= i.latest_seq
    )
    SELECT j.ordinal, j.problem INTO v_ordinal, v_message
    FROM judged AS j
    WHERE j.problem IS NOT NULL
    ORDER BY j.ordinal
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_message
            USING ERRCODE = 'KH009', DETAIL = json_build_object('ordinal', v_ordinal),
                HINT = 'Nothing of the batch was written. Events of an entity count without holes and never change, and its first event fixes the owner.';
    END IF;

    INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, event_type, payload)
    SELECT DISTINCT ON (i.kind, i.id, i.seq)
        i.kind, i.id, i.seq, coalesce(i.occurred_at, clock_timestamp()), i.event_type, i.payload
    FROM unnest(v_ordinals, v_kinds, v_ids, v_seqs, v_types, v_payloads, v_moments)
        AS i (ordinal, kind, id, seq, event_type, payload, occurred_at)
    INNER JOIN runtime.entities AS e ON i.kind = e.kind AND i.id = e.id
    WHERE i.seq > e.latest_seq
    ORDER BY i.kind, i.id, i.seq, i.ordinal;
    GET DIAGNOSTICS appended = ROW_COUNT;
    duplicates := received - appended;

    FOR v_kind, v_ids IN
        WITH grown AS (
            UPDATE runtime.entities AS e
            SET latest_seq = m.latest_seq
            FROM (
                SELECT i.kind, i.id, max(i.seq) AS latest_seq
                FROM unnest(v_kinds, v_ids, v_seqs) AS i (kind, id, seq)
                GROUP BY i.kind, i.id
            ) AS m
            WHERE e.kind = m.kind AND e.id = m.id AND e.latest_seq < m.latest_seq
            RETURNING e.kind, e.id
        )
        SELECT g.kind, array_agg(g.id) FROM grown AS g GROUP BY g.kind ORDER BY g.kind
    LOOP
        PERFORM khala_internal.project_entities(v_kind, v_ids);
        projected := projected + cardinality(v_ids);
    END LOOP;
    RETURN NEXT;
END
$$;

ALTER FUNCTION khala.ingest_events(p_events jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.ingest_events(p_events jsonb) IS 'Appends many events, all or none, each at most once. Argument: array of at most 10000 {"entity": "run" or "codex_worker", "id", "seq", "type", "payload"?, "org_id"?, "occurred_at"?}. Result: events received, appended, duplicates (there already with the same content), entities projected. Errors: (DETAIL {"ordinal": n} counts from 1) KH004 payload above 1 MiB, KH005 payload not I-JSON, KH007 malformed, KH009 gap, conflict or another owner.';

CREATE FUNCTION khala.list_api_keys() RETURNS TABLE(key_id text, label text, subject text, org_id text, scopes text[], created_at timestamp with time zone, created_by text, expires_at timestamp with time zone, last_used_at timestamp with time zone, revoked_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT k.key_id, k.label, k.subject, k.org_id, k.scopes, k.created_at, k.created_by, k.expires_at,
        k.last_used_at, k.revoked_at
    FROM runtime.api_keys AS k
    ORDER BY k.created_at, k.key_id;
END
$$;

ALTER FUNCTION khala.list_api_keys() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.list_api_keys() IS 'All API keys, ended ones too, oldest first. Arguments: none. Result: everything about a key but its secret''s hash. Errors: none.';

CREATE FUNCTION khala.max_payload_bytes() RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (SELECT coalesce(max(t.inline_limit_bytes) FILTER (WHERE t.payload_mode <> 'pointer'), 0) FROM runtime.sync_topics AS t);
END
$$;

ALTER FUNCTION khala.max_payload_bytes() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.max_payload_bytes() IS 'The greatest inline limit of all topics. Arguments: none. Result: bytes; 0 when every topic is in pointer mode. Errors: none.';

CREATE FUNCTION khala.new_epoch(p_reason text DEFAULT 'requested'::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_epoch text := gen_random_uuid()::text;
BEGIN
    -- Clients will store this name: it must survive a crash even where the caller commits asynchronously.
    PERFORM set_config('synchronous_commit', 'on', TRUE)
    WHERE current_setting('synchronous_commit') = 'off';
    INSERT INTO runtime.sync_epochs (epoch, reason, fingerprint)
    VALUES (v_epoch, coalesce(p_reason, 'requested'), khala.database_fingerprint());
    -- No writer may be about to notify: a sleeping relay has to look.
    PERFORM pg_notify('khala_sync', '');
    RETURN v_epoch;
END
$$;

ALTER FUNCTION khala.new_epoch(p_reason text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.new_epoch(p_reason text) IS 'Starts a new epoch; call it after restoring a backup or a failover that lost commits. Argument: why, for the record. Result: the new epoch. Errors: none.';

CREATE FUNCTION khala.parse_payload(p_text text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_payload jsonb;
    v_reason text;
    v_duplicate text;
BEGIN
    BEGIN
        v_payload := p_text::jsonb;
    EXCEPTION
        WHEN invalid_text_representation OR untranslatable_character OR numeric_value_out_of_range
        OR statement_too_complex OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS v_reason = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION 'payload is not JSON'
                USING ERRCODE = 'KH005', DETAIL = coalesce(nullif(v_reason, ''), SQLERRM),
                    HINT = 'Send one I-JSON object (RFC 7493) in UTF-8.';
    END;
    IF jsonb_typeof(v_payload) <> 'object' THEN
        RAISE EXCEPTION 'payload is not an object but a JSON %', jsonb_typeof(v_payload)
            USING ERRCODE = 'KH005', HINT = 'Wrap the value in an object.';
    END IF;

    -- Before the search for duplicates, whose cost grows with the depth that this limits.
    PERFORM khala_internal.canonical_json(v_payload);

    WITH RECURSIVE node AS (
        SELECT p_text::json AS value
        UNION ALL
        SELECT child.value
        FROM node
        CROSS JOIN LATERAL (
            SELECT m.value
            FROM json_each(CASE WHEN json_typeof(node.value) = 'object' THEN node.value END) AS m
            UNION ALL
            SELECT e.value
            FROM json_array_elements(CASE WHEN json_typeof(node.value) = 'array' THEN node.value END) AS e
        ) AS child
        WHERE json_typeof(child.value) IN ('object', 'array')
    )
    SELECT m.key INTO v_duplicate
    FROM node
    CROSS JOIN LATERAL (
        SELECT k.key
        FROM json_object_keys(CASE WHEN json_typeof(node.value) = 'object' THEN node.value END) AS k (key)
        GROUP BY k.key
        HAVING count(*) > 1
    ) AS m
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payload has the key % twice in one object', to_json(left(v_duplicate, 100))
            USING ERRCODE = 'KH005', HINT = 'Keep one of them.';
    END IF;

    RETURN v_payload;
END
$$;

ALTER FUNCTION khala.parse_payload(p_text text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.parse_payload(p_text text) IS 'An I-JSON object from its text. Argument: the text. Result: the payload for khala.sink. Errors: KH005 when it is not JSON, not an object, has duplicate keys, lone surrogates, or numbers no double stands for.';

CREATE FUNCTION khala.payload_hash(p_payload jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT sha256(convert_to(khala_internal.canonical_json(p_payload), 'UTF8'));
$$;

ALTER FUNCTION khala.payload_hash(p_payload jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.payload_hash(p_payload jsonb) IS 'SHA-256 over the RFC 8785 bytes of a JSON value. Argument: the value. Result: 32 bytes. Errors: KH005 as khala.canonical_json.';

CREATE FUNCTION khala.payload_hash_text(p_payload jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT 'sha256:' || encode(khala.payload_hash(p_payload), 'hex');
$$;

ALTER FUNCTION khala.payload_hash_text(p_payload jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.payload_hash_text(p_payload jsonb) IS 'The payload hash as text. Argument: the value. Result: sha256:<64 hex digits>. Errors: KH005 as khala.canonical_json.';

CREATE FUNCTION khala.project_codex_worker(p_worker_id text) RETURNS TABLE(watermark bigint, outcome text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.watermark, p.outcome, p.reason
    FROM khala_internal.project_entities('codex_worker', ARRAY[p_worker_id]) AS p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'codex worker % is not known', coalesce(quote_literal(left(p_worker_id, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Its first event creates it: khala.append_codex_worker_event.';
    END IF;
END
$$;

ALTER FUNCTION khala.project_codex_worker(p_worker_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.project_codex_worker(p_worker_id text) IS 'Projects the summary of a codex worker. Argument: its id. Result: watermark (NULL when nothing was written), outcome (applied, rewritten, skipped), reason (new_events; drift, projection_version; unchanged, checkpoint_ahead, read_model_ahead). Errors: KH007 unknown codex worker.';

CREATE FUNCTION khala.project_run(p_run_id text) RETURNS TABLE(watermark bigint, outcome text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.watermark, p.outcome, p.reason
    FROM khala_internal.project_entities('run', ARRAY[p_run_id]) AS p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not known', coalesce(quote_literal(left(p_run_id, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Its first event creates it: khala.append_run_event.';
    END IF;
END
$$;

ALTER FUNCTION khala.project_run(p_run_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.project_run(p_run_id text) IS 'Projects the summary of a run. Argument: its id. Result: watermark (NULL when nothing was written), outcome (applied, rewritten, skipped), reason (new_events; drift, projection_version; unchanged, checkpoint_ahead, read_model_ahead). Errors: KH007 unknown run.';

CREATE FUNCTION khala.projection_version() RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN 1;
END
$$;

ALTER FUNCTION khala.projection_version() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.projection_version() IS 'Version of the summary documents. Result: a positive integer that grows when their content is built differently. Errors: none.';

CREATE FUNCTION khala.rebuild_projection(p_kind text, p_id text) RETURNS TABLE(watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.watermark, r.outcome FROM khala_internal.rebuild_entities(p_kind, ARRAY[p_id]) AS r;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% % is not known', p_kind, coalesce(quote_literal(left(p_id, 200)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Only what has at least one event has a summary.';
    END IF;
END
$$;

ALTER FUNCTION khala.rebuild_projection(p_kind text, p_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.rebuild_projection(p_kind text, p_id text) IS 'Drops and rebuilds the summary of one entity from its history. Arguments: run or codex_worker; its id. Result: watermark and outcome of the new summary. Errors: KH007 unknown kind or entity.';

CREATE FUNCTION khala.rebuild_projections(p_kind text, p_after_id text DEFAULT NULL::text, p_limit integer DEFAULT 100) RETURNS TABLE(id text, watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_ids text[];
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'page of % entities', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use a limit of 1 to 10000.';
    END IF;
    SELECT array_agg(e.id ORDER BY e.id) INTO v_ids
    FROM (
        SELECT f.id FROM runtime.entities AS f
        WHERE f.kind = p_kind AND f.id > coalesce(p_after_id, '')
        ORDER BY f.id
        LIMIT p_limit
    ) AS e;
    RETURN QUERY
    SELECT r.id, r.watermark, r.outcome FROM khala_internal.rebuild_entities(p_kind, v_ids) AS r ORDER BY r.id;
END
$$;

ALTER FUNCTION khala.rebuild_projections(p_kind text, p_after_id text, p_limit integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.rebuild_projections(p_kind text, p_after_id text, p_limit integer) IS 'Drops and rebuilds one page of summaries from history. Arguments: run or codex_worker; the last id of the page before (NULL: from the start); how many at most. Result: per entity, in the order of ids, watermark and outcome of the new summary; no row after the last entity. Errors: KH007 unknown kind or limit.';

CREATE FUNCTION khala.register_topic(p_topic text, p_read_model text DEFAULT NULL::text, p_payload_mode text DEFAULT 'auto'::text, p_inline_limit_bytes integer DEFAULT 262144, p_retention_horizon interval DEFAULT '7 days'::interval, p_owned boolean DEFAULT true, p_enum_name text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    v_read_model text := coalesce(
        p_read_model,
        'sync_' || CASE
            WHEN p_topic LIKE 'runtime.%' THEN replace(substring(p_topic FROM 9), '.', '_')
            ELSE replace(p_topic, '.', '_')
        END
    );
    v_known runtime.sync_topics;
BEGIN
    IF p_topic IS NULL OR p_topic !~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*$' OR length(p_topic) > 200 THEN
        RAISE EXCEPTION 'topic name % is not usable', coalesce(quote_literal(left(p_topic, 200)), 'NULL')
            USING ERRCODE = 'KH007',
                HINT = 'Use lower-case words joined by dots, such as shop.orders, at most 200 characters.';
    END IF;
    IF v_read_model !~ '^sync_[a-z][a-z0-9_]*$' OR length(v_read_model) > 56 THEN
        RAISE EXCEPTION 'read model name % is not usable', quote_literal(left(v_read_model, 200))
            USING ERRCODE = 'KH007',
                HINT = 'Pass p_read_model: sync_ and lower-case letters, digits or _, at most 56 characters.';
    END IF;
    IF p_payload_mode IS NULL OR p_payload_mode NOT IN ('inline', 'pointer', 'auto') THEN
        RAISE EXCEPTION 'payload mode % is not known', coalesce(quote_literal(p_payload_mode), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use inline, pointer or auto.';
    END IF;
    IF p_inline_limit_bytes IS NULL OR p_inline_limit_bytes NOT BETWEEN 1 AND 16777216 THEN
        RAISE EXCEPTION 'inline limit of % bytes is not usable', coalesce(p_inline_limit_bytes::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 16777216 bytes; 262144 is the default.';
    END IF;
    IF coalesce(NOT (p_retention_horizon > '0' AND p_retention_horizon <= '1000 years'), TRUE) THEN
        RAISE EXCEPTION 'retention horizon % is not usable', coalesce(p_retention_horizon::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use a positive interval of at most 1000 years, such as 7 days.';
    END IF;
    IF p_owned IS NULL THEN
        RAISE EXCEPTION 'p_owned must be true or false' USING ERRCODE = 'KH007',
            HINT = 'true: documents may belong to an organisation; false: every document is public.';
    END IF;
    IF p_enum_name IS NOT NULL AND (p_enum_name !~ '^SYNC_TOPIC_[A-Z0-9_]+$' OR length(p_enum_name) > 200) THEN
        RAISE EXCEPTION 'enum name % is not usable', quote_literal(left(p_enum_name, 200))
            USING ERRCODE = 'KH007', HINT = 'Use the proto enum value''s name, such as SYNC_TOPIC_SHOP_ORDERS, at most 200 characters.';
    END IF;

    -- Two registrations of one topic at once: the second waits, then finds the first's work.
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));

    SELECT t.* INTO v_known FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF FOUND THEN
        IF (v_known.read_model, v_known.payload_mode, v_known.inline_limit_bytes, v_known.retention_horizon,
            v_known.owned, v_known.enum_name)
            IS NOT DISTINCT FROM
            (v_read_model, p_payload_mode, p_inline_limit_bytes, p_retention_horizon, p_owned, p_enum_name)
        THEN
            RETURN p_topic;
        END IF;
        RAISE EXCEPTION 'topic % is registered with other settings', p_topic
            USING ERRCODE = 'KH008',
                DETAIL = (to_jsonb(v_known) - 'many_topics')::text,
                HINT = 'Use the settings in DETAIL, or change them with UPDATE runtime.sync_topics.';
    END IF;
    IF EXISTS (SELECT FROM runtime.sync_topics AS t
        WHERE t.read_model = v_read_model OR t.enum_name = p_enum_name OR t.topic = p_enum_name)
        OR to_regclass(format('runtime.%I', v_read_model)) IS NOT NULL
    THEN
        RAISE EXCEPTION 'topic % cannot be registered: %', p_topic, concat_ws(
            ' or ', 'a table runtime.' || v_read_model, 'the enum name ' || p_enum_name
        ) || ' is already there'
            USING ERRCODE = 'KH008',
                HINT = 'Pass another p_read_model or p_enum_name; in REPEATABLE READ, try the transaction again.';
    END IF;

    INSERT INTO runtime.sync_topics
    (topic, enum_name, read_model, payload_mode, inline_limit_bytes, retention_horizon, owned)
    VALUES (p_topic, p_enum_name, v_read_model, p_payload_mode, p_inline_limit_bytes, p_retention_horizon, p_owned);
    INSERT INTO runtime.sync_topic_sequences (topic) VALUES (p_topic);
    INSERT INTO runtime.sync_topic_retention (topic) VALUES (p_topic);
    IF (SELECT count(*) FROM runtime.sync_topics) > 32 THEN
        UPDATE runtime.sync_topics AS t SET many_topics = TRUE WHERE NOT t.many_topics;
    END IF;

    -- ATTACH takes a weaker lock on the parent than CREATE TABLE ... PARTITION OF: writers of other
    -- topics go on. The fill factor leaves room for HOT updates of documents that change often.
    EXECUTE format(
        'CREATE TABLE runtime.%I (LIKE runtime.sync_documents INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
        ' INCLUDING COMMENTS) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)',
        v_read_model
    );
    EXECUTE format('ALTER TABLE runtime.sync_documents ATTACH PARTITION runtime.%I FOR VALUES IN (%L)',
        v_read_model, p_topic);
    EXECUTE format('COMMENT ON TABLE runtime.%I IS %L', v_read_model, 'Read model of topic ' || p_topic);
    RETURN p_topic;
END
$_$;

ALTER FUNCTION khala.register_topic(p_topic text, p_read_model text, p_payload_mode text, p_inline_limit_bytes integer, p_retention_horizon interval, p_owned boolean, p_enum_name text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.register_topic(p_topic text, p_read_model text, p_payload_mode text, p_inline_limit_bytes integer, p_retention_horizon interval, p_owned boolean, p_enum_name text) IS 'Adds a topic with its read-model table. Arguments: topic name; read-model table (default sync_ and the name); payload mode inline, pointer or auto; inline limit in bytes; retention horizon; whether documents may have an owner; proto enum name. Result: the topic. Errors: KH007 unusable argument, KH008 registered with other settings or name in use.';

CREATE FUNCTION khala.replay(p_topic text, p_after bigint, p_org_id text, p_max_updates integer DEFAULT 200, p_max_bytes integer DEFAULT 2097152, p_epoch text DEFAULT NULL::text) RETURNS TABLE(page text, next_watermark bigint, head_watermark bigint, complete boolean, updates integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
    v_cursor record;
    v_until bigint;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    v_until := khala_internal.page_until(
        v_cursor.topic, v_cursor.after,
        least(v_cursor.head_watermark, v_cursor.after + greatest(5000, p_max_updates)),
        p_org_id, p_max_updates, p_max_bytes
    );
    -- The page is made in one expression and returned from there: each copy of it costs about as much as
    -- reading its rows.
    RETURN QUERY
    SELECT
        '{"updates":[' || coalesce(string_agg(p.text, ','), '') || khala_internal.page_tail(
            p_topic, v_until = v_cursor.head_watermark, v_cursor.head_watermark, v_until
        ),
        v_until, v_cursor.head_watermark, v_until = v_cursor.head_watermark, count(*)::integer
    FROM (
        SELECT khala_internal.update_text(
            p_topic, r.doc_key, r.doc_version, r.watermark, r.payload_hash, r.deleted, r.payload
        ) AS text
        FROM khala_internal.page_rows(v_cursor.topic, v_cursor.after, v_until, p_org_id) AS r
        ORDER BY r.watermark
    ) AS p;
END
$$;

ALTER FUNCTION khala.replay(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.replay(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) IS 'One page of a topic for one organisation. Arguments: topic, either name; cursor, null for the earliest retained; organisation, null sees public documents only; most updates; most bytes, though never less than one update; epoch of the cursor, null to take the one in force. Result: the update_batch payload as JSON text, the watermark it covers, the head, whether it reaches the head, number of updates. Errors: KH001, KH002 cursor below the retention floor, KH003 cursor ahead or of another epoch, KH007.';

CREATE FUNCTION khala.replay_binary(p_topic text, p_after bigint, p_org_id text, p_max_updates integer DEFAULT 200, p_max_bytes integer DEFAULT 2097152, p_epoch text DEFAULT NULL::text) RETURNS TABLE(page bytea, next_watermark bigint, head_watermark bigint, complete boolean, updates integer)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
    v_cursor record;
    v_until bigint;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    v_until := khala_internal.page_until(
        v_cursor.topic, v_cursor.after,
        least(v_cursor.head_watermark, v_cursor.after + greatest(5000, p_max_updates)),
        p_org_id, p_max_updates, p_max_bytes
    );
    -- The page is made in one expression and returned from there: each copy of it costs about as much as
    -- reading its rows.
    RETURN QUERY
    SELECT
        coalesce(string_agg(p.bytes, ''::bytea), ''::bytea) || khala_internal.page_tail_bytes(
            p_topic, v_until = v_cursor.head_watermark, v_cursor.head_watermark, v_until
        ),
        v_until, v_cursor.head_watermark, v_until = v_cursor.head_watermark, count(*)::integer
    FROM (
        SELECT khala_internal.update_bytes(
            p_topic, r.doc_key, r.doc_version, r.watermark, r.payload_hash, r.deleted, r.payload
        ) AS bytes
        FROM khala_internal.page_rows(v_cursor.topic, v_cursor.after, v_until, p_org_id) AS r
        ORDER BY r.watermark
    ) AS p;
END
$$;

ALTER FUNCTION khala.replay_binary(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.replay_binary(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) IS 'One page of a topic for one organisation in protobuf. Arguments: as khala.replay. Result: the bytes of an UpdateBatch, the watermark it covers, the head, whether it reaches the head, number of updates. Errors: as khala.replay.';

CREATE FUNCTION khala.replay_feed(p_topic text, p_after bigint, p_max_updates integer DEFAULT 200, p_max_bytes integer DEFAULT 2097152, p_epoch text DEFAULT NULL::text) RETURNS TABLE(watermark bigint, org_id text, except_org_id text, update_text text, page_tail text, next_watermark bigint, head_watermark bigint, complete boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_cursor record;
    v_until bigint;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    v_until := khala_internal.feed_until(
        v_cursor.topic, v_cursor.after, v_cursor.head_watermark, p_max_updates, p_max_bytes
    );
    IF v_until = v_cursor.after THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT u.watermark, u.org_id, u.except_org_id,
        khala_internal.update_text(p_topic, u.doc_key, u.doc_version, u.watermark, u.payload_hash, u.deleted, u.payload),
        khala_internal.page_tail(p_topic, v_until = v_cursor.head_watermark, v_cursor.head_watermark, v_until),
        v_until, v_cursor.head_watermark, v_until = v_cursor.head_watermark
    FROM khala_internal.feed_updates(v_cursor.topic, v_cursor.after, v_until) AS u
    ORDER BY u.watermark;
END
$$;

ALTER FUNCTION khala.replay_feed(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.replay_feed(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) IS 'One page of a topic with the audience of every update. Arguments: topic, either name; cursor; most watermarks; most bytes; epoch of the cursor. Result: per update its watermark, organisation that may have it (null: everybody but except_org_id), JSON text, and on every row alike the end of the payload, the watermark covered, the head and whether it is reached; no row when the cursor is at the head. Errors: KH001, KH002, KH003, KH007 as khala.replay.';

CREATE FUNCTION khala.replay_feed_binary(p_topic text, p_after bigint, p_max_updates integer DEFAULT 200, p_max_bytes integer DEFAULT 2097152, p_epoch text DEFAULT NULL::text) RETURNS TABLE(watermark bigint, org_id text, except_org_id text, update_bytes bytea, page_tail bytea, next_watermark bigint, head_watermark bigint, complete boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_cursor record;
    v_until bigint;
    v_tail bytea;
BEGIN
    PERFORM khala_internal.check_page_limits(p_max_updates, p_max_bytes);
    v_cursor := khala_internal.open_cursor(p_topic, p_after, p_epoch);
    v_until := khala_internal.feed_until(
        v_cursor.topic, v_cursor.after, v_cursor.head_watermark, p_max_updates, p_max_bytes
    );
    IF v_until = v_cursor.after THEN
        RETURN;
    END IF;

    v_tail := khala_internal.page_tail_bytes(
        p_topic, v_until = v_cursor.head_watermark, v_cursor.head_watermark, v_until
    );
    RETURN QUERY
    SELECT u.watermark, u.org_id, u.except_org_id,
        khala_internal.update_bytes(p_topic, u.doc_key, u.doc_version, u.watermark, u.payload_hash, u.deleted, u.payload),
        v_tail, v_until, v_cursor.head_watermark, v_until = v_cursor.head_watermark
    FROM khala_internal.feed_updates(v_cursor.topic, v_cursor.after, v_until) AS u
    ORDER BY u.watermark;
END
$$;

ALTER FUNCTION khala.replay_feed_binary(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.replay_feed_binary(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) IS 'One page of a topic with the audience of every update, in protobuf. Arguments: as khala.replay_feed. Result: as khala.replay_feed, with each update as bytes of an UpdateBatch and the bytes that end it. Errors: as khala.replay_feed.';

CREATE FUNCTION khala.retain(p_topic text DEFAULT NULL::text, p_now timestamp with time zone DEFAULT now(), p_horizon interval DEFAULT NULL::interval, p_batch integer DEFAULT 10000) RETURNS TABLE(topic text, deleted bigint, retention_floor bigint, more boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    v_topic record;
    v_young bigint;
    v_last bigint;
BEGIN
    IF p_batch IS NULL OR p_batch NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'a batch of % rows is not possible', coalesce(p_batch::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 1000000; 10000 is the default.';
    END IF;
    IF NOT (p_horizon >= '0' AND p_horizon <= '1000 years') OR coalesce(NOT isfinite(p_now), TRUE) THEN
        RAISE EXCEPTION 'horizon % before % is not possible', coalesce(p_horizon::text, 'NULL'), coalesce(p_now::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Give a point in time and an interval from 0 to 1000 years; null takes the topic''s own horizon.';
    END IF;
    IF p_topic IS NOT NULL AND NOT EXISTS (SELECT FROM runtime.sync_topics AS t WHERE t.topic = p_topic) THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;

    FOR v_topic IN
        SELECT r.topic, r.retention_floor, p_now - coalesce(p_horizon, t.retention_horizon) AS cutoff
        FROM runtime.sync_topic_retention AS r
        INNER JOIN runtime.sync_topics AS t ON r.topic = t.topic
        WHERE p_topic IS NULL OR r.topic = p_topic
        ORDER BY r.topic
        FOR NO KEY UPDATE OF r SKIP LOCKED
    LOOP
        -- Only committed rows are seen, and the journal has no holes: the last one seen is the head.
        SELECT min(j.watermark) FILTER (WHERE j.inserted_at >= v_topic.cutoff), max(j.watermark)
        INTO v_young, v_last
        FROM (
            SELECT e.watermark, e.inserted_at
            FROM runtime.sync_stream_events AS e
            WHERE e.topic = v_topic.topic AND e.watermark >= v_topic.retention_floor
            ORDER BY e.watermark
            LIMIT p_batch + 1
        ) AS j;
        topic := v_topic.topic;
        retention_floor := coalesce(v_young, v_last + 1, v_topic.retention_floor);
        more := retention_floor > v_topic.retention_floor + p_batch;
        IF more THEN
            retention_floor := v_topic.retention_floor + p_batch;
            more := v_young IS NULL OR v_young > retention_floor;
        END IF;
        deleted := retention_floor - v_topic.retention_floor;
        IF deleted > 0 THEN
            DELETE FROM runtime.sync_stream_events AS e
            WHERE e.topic = v_topic.topic AND e.watermark >= v_topic.retention_floor
                AND e.watermark < retain.retention_floor;
            UPDATE runtime.sync_topic_retention AS r
            SET retention_floor = retain.retention_floor,
                last_purge_at = clock_timestamp(),
                purges = r.purges + 1,
                purged_events = r.purged_events + retain.deleted
            WHERE r.topic = v_topic.topic;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

ALTER FUNCTION khala.retain(p_topic text, p_now timestamp with time zone, p_horizon interval, p_batch integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.retain(p_topic text, p_now timestamp with time zone, p_horizon interval, p_batch integer) IS 'Purges journal rows beyond the retention horizon, at most a batch per topic: call it again while more is true. Arguments: topic, null for all; the time to count from; horizon, null for each topic''s own; most rows per topic. Result: per topic the rows deleted, the new retention floor, whether more can go; a topic that another purge holds is missing. Errors: KH001, KH007.';

CREATE FUNCTION khala.revocations(p_seen bigint DEFAULT 0) RETURNS TABLE(number bigint, kind text, value text, issued_until double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN QUERY
    SELECT r.revocation_number, r.kind, r.value, extract(EPOCH FROM r.issued_until)::double precision
    FROM runtime.sync_revocations AS r
    WHERE r.revocation_number > p_seen AND r.forget_at > clock_timestamp()
    ORDER BY r.revocation_number;
END
$$;

ALTER FUNCTION khala.revocations(p_seen bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.revocations(p_seen bigint) IS 'Revocations in force. Argument: number of the last one that is known, 0 for all. Result: number, claim, its value, and until when tokens issued are meant, in seconds since 1970 or infinite. Errors: none.';

CREATE FUNCTION khala.revoke(p_kind text, p_value text, p_issued_until timestamp with time zone DEFAULT NULL::timestamp with time zone, p_reason text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_until timestamptz;
    v_number bigint;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('jti', 'sub', 'org') THEN
        RAISE EXCEPTION 'cannot revoke by %', coalesce(quote_literal(left(p_kind, 64)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Revoke by jti (one token), sub (a subject) or org (an organisation).';
    END IF;
    IF p_value IS NULL OR length(p_value) NOT BETWEEN 1 AND 1024 THEN
        RAISE EXCEPTION 'cannot revoke without knowing whom'
            USING ERRCODE = 'KH007', HINT = 'Pass the claim''s value, of 1 to 1024 characters.';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.revoke', 0));
    DELETE FROM runtime.sync_revocations AS r WHERE r.forget_at < clock_timestamp();
    -- A token says when it was issued in whole seconds.
    v_until := coalesce(p_issued_until, clock_timestamp());
    DELETE FROM runtime.sync_revocations AS r WHERE r.kind = p_kind AND r.value = p_value;
    INSERT INTO runtime.sync_revocations (kind, value, issued_until, forget_at, reason)
    VALUES (p_kind, p_value, v_until, greatest(v_until, clock_timestamp()) + INTERVAL '33 days', p_reason)
    RETURNING revocation_number INTO v_number;
    -- No topic has such a name.
    PERFORM pg_notify('khala_sync', 'revoked:');
    RETURN v_number;
END
$$;

ALTER FUNCTION khala.revoke(p_kind text, p_value text, p_issued_until timestamp with time zone, p_reason text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.revoke(p_kind text, p_value text, p_issued_until timestamp with time zone, p_reason text) IS 'Revokes tokens; sockets that live on them are closed. Arguments: jti, sub or org; the claim''s value; tokens issued up to then are meant, null for now, infinity for those to come as well, -infinity to take a revocation back; why, for the record. Result: the revocation''s number. Errors: KH007.';

CREATE FUNCTION khala.revoke_api_key(p_key_id text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    UPDATE runtime.api_keys AS k SET revoked_at = coalesce(k.revoked_at, clock_timestamp())
    WHERE k.key_id = p_key_id;
    RETURN found;
END
$$;

ALTER FUNCTION khala.revoke_api_key(p_key_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.revoke_api_key(p_key_id text) IS 'Ends an API key for good. Argument: its id. Result: whether there is such a key. Errors: none.';

CREATE FUNCTION khala.schema_version() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT 1;
$$;

ALTER FUNCTION khala.schema_version() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.schema_version() IS 'Version of the SQL API. Arguments: none. Result: a number that grows with every incompatible change. Errors: none.';

CREATE FUNCTION khala.sink(p_topic text, p_doc_key text, p_doc_version bigint, p_payload jsonb, p_org_id text DEFAULT NULL::text) RETURNS TABLE(watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_result record;
BEGIN
    -- An assignment is several times cheaper than a query.
    v_result := khala_internal.write_document(p_topic, p_doc_key, p_doc_version, p_org_id, p_payload, FALSE);
    watermark := v_result.watermark;
    outcome := v_result.outcome;
    RETURN NEXT;
END
$$;

ALTER FUNCTION khala.sink(p_topic text, p_doc_key text, p_doc_version bigint, p_payload jsonb, p_org_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.sink(p_topic text, p_doc_key text, p_doc_version bigint, p_payload jsonb, p_org_id text) IS 'Writes one version of a document. Arguments: topic; document key; version, growing with each change; payload, an I-JSON object; owner organisation, null for public. Result: watermark (null when nothing was written) and outcome: applied, rewritten (same version, other content), duplicate or stale_version. Errors: KH001 unknown topic, KH004 payload too large, KH005 not I-JSON, KH006 owner in a public topic, KH007 unusable key, version or owner, KH010 a trigger suppressed the write.';

CREATE FUNCTION khala.sink_batch(p_topic text, p_documents jsonb) RETURNS TABLE(ordinal integer, doc_key text, watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    v_keys text[];
    v_version_texts text[];
    v_versions bigint[];
    v_orgs text[];
    v_payloads jsonb[];
    v_deleted_texts text[];
    v_deleted boolean[];
    v_refused integer;
    v_result record;
    v_from integer := 1;
    v_earlier bigint[];
    v_count integer;
BEGIN
    IF coalesce(jsonb_typeof(p_documents) <> 'array', TRUE) THEN
        RAISE EXCEPTION 'documents are not an array but %', coalesce('a JSON ' || jsonb_typeof(p_documents), 'missing')
            USING ERRCODE = 'KH007',
                HINT = 'Send [{"doc_key": …, "doc_version": …, "payload": {…}, "org_id": …}, …]; "deleted": true for a tombstone.';
    END IF;
    SELECT
        min(e.ordinal) FILTER (WHERE CASE
            WHEN jsonb_typeof(e.document) <> 'object' THEN TRUE
            ELSE coalesce(jsonb_typeof(e.document -> 'doc_key') <> 'string', TRUE)
                OR CASE jsonb_typeof(e.document -> 'doc_version')
                    WHEN 'number' THEN
                        scale((e.document -> 'doc_version')::numeric) > 0
                        OR (e.document -> 'doc_version')::numeric NOT BETWEEN 0 AND 9223372036854775807
                    WHEN 'string' THEN
                        CASE
                            WHEN e.document ->> 'doc_version' ~ '^[0-9]{1,19}$'
                                THEN (e.document ->> 'doc_version')::numeric > 9223372036854775807
                            ELSE TRUE
                        END
                    ELSE TRUE
                END
                OR coalesce(jsonb_typeof(e.document -> 'org_id') NOT IN ('string', 'null'), FALSE)
                OR coalesce(jsonb_typeof(e.document -> 'deleted') <> 'boolean', FALSE)
                OR (coalesce((e.document ->> 'deleted')::boolean, FALSE) AND e.document ? 'payload')
                OR e.document - '{doc_key,doc_version,org_id,deleted,payload}'::text[] <> '{}'
        END),
        array_agg(e.document ->> 'doc_key'),
        array_agg(e.document ->> 'doc_version'),
        array_agg(e.document ->> 'org_id'),
        array_agg(e.document -> 'payload'),
        array_agg(coalesce(e.document ->> 'deleted', 'false'))
    INTO v_refused, v_keys, v_version_texts, v_orgs, v_payloads, v_deleted_texts
    FROM (
        SELECT a.document, a.ordinal
        FROM jsonb_array_elements(p_documents) WITH ORDINALITY AS a (document, ordinal)
        ORDER BY a.ordinal
    ) AS e;
    IF v_refused IS NOT NULL THEN
        RAISE EXCEPTION 'document % of the batch is malformed', v_refused
            USING ERRCODE = 'KH007',
                DETAIL = json_build_object('ordinal', v_refused),
                HINT = 'Give doc_key (text), doc_version (whole number from 0), payload (object) or "deleted": true, and org_id (text) if it has an owner; nothing else.';
    END IF;

    v_versions := v_version_texts::bigint[];
    v_deleted := v_deleted_texts::boolean[];

    -- Where each key stood before, to find the repetitions in one pass.
    SELECT array_agg(r.earlier ORDER BY r.ordinality), count(*) INTO v_earlier, v_count
    FROM (
        SELECT k.ordinality, lag(k.ordinality) OVER (PARTITION BY k.key ORDER BY k.ordinality) AS earlier
        FROM unnest(v_keys) WITH ORDINALITY AS k (key, ordinality)
    ) AS r;
    -- An empty batch goes through the write path too, which refuses an unknown topic.
    FOR v_to IN least(v_count, 1) .. v_count LOOP
        CONTINUE WHEN v_to < v_count AND (v_earlier[v_to + 1] >= v_from) IS NOT TRUE;
        v_result := khala_internal.write_documents(
            p_topic, v_from, v_keys[v_from:v_to], v_versions[v_from:v_to], v_orgs[v_from:v_to],
            v_payloads[v_from:v_to], v_deleted[v_from:v_to]
        );
        RETURN QUERY
        SELECT (v_from - 1 + w.ordinality)::integer, v_keys[v_from - 1 + w.ordinality], w.watermark, w.outcome
        FROM unnest(v_result.watermarks, v_result.outcomes) WITH ORDINALITY AS w (watermark, outcome, ordinality);
        v_from := v_to + 1;
    END LOOP;
END
$_$;

ALTER FUNCTION khala.sink_batch(p_topic text, p_documents jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.sink_batch(p_topic text, p_documents jsonb) IS 'Writes many documents of one topic, all or none. Arguments: topic; array of {doc_key, doc_version, payload or deleted, org_id}. Result: per document its place in the array from 1, key, watermark (null when nothing was written) and outcome as khala.sink. Errors: KH001, KH004, KH005, KH006, KH007 as khala.sink; DETAIL names the ordinal.';

CREATE FUNCTION khala.sink_delete(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text DEFAULT NULL::text) RETURNS TABLE(watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_result record;
BEGIN
    v_result := khala_internal.write_document(p_topic, p_doc_key, p_doc_version, p_org_id, NULL, TRUE);
    watermark := v_result.watermark;
    outcome := v_result.outcome;
    RETURN NEXT;
END
$$;

ALTER FUNCTION khala.sink_delete(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.sink_delete(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text) IS 'Deletes a document. Arguments: topic; document key; version of the deletion, above the last one; owner, used only when the document was never seen. Result: watermark and outcome as khala.sink. Errors: KH001, KH006, KH007 as khala.sink.';

CREATE FUNCTION khala.snapshot(p_topic text, p_org_id text, p_after_doc_key text DEFAULT NULL::text, p_limit integer DEFAULT 200, p_watermark bigint DEFAULT NULL::bigint, p_max_bytes integer DEFAULT 2097152) RETURNS TABLE(page text, next_doc_key text, watermark bigint, complete boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_column
DECLARE
    v_cursor record;
    v_limit integer;
    v_watermark bigint;
    v_after text := coalesce(p_after_doc_key, '');
BEGIN
    PERFORM khala_internal.check_page_limits(p_limit, p_max_bytes);
    -- Pages that end at a watermark nobody can subscribe from are of no use: the reader begins again.
    v_cursor := khala_internal.open_cursor(p_topic, p_watermark, NULL);
    v_watermark := coalesce(p_watermark, v_cursor.head_watermark);
    watermark := v_watermark;
    SELECT t.inline_limit_bytes INTO v_limit FROM runtime.sync_topics AS t WHERE t.topic = v_cursor.topic;

    WITH visible AS (
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE d.topic = v_cursor.topic AND d.org_id = p_org_id AND d.doc_key > v_after AND NOT d.deleted
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
        UNION ALL
        (
            SELECT d.* FROM runtime.sync_documents AS d
            WHERE d.topic = v_cursor.topic AND d.org_id IS NULL AND d.doc_key > v_after AND NOT d.deleted
            ORDER BY d.doc_key
            LIMIT p_limit + 1
        )
    ),
    measured AS (
        SELECT v.*, row_number() OVER w AS place,
            sum(CASE WHEN v.payload_bytes <= v_limit THEN v.payload_bytes * 1.5 ELSE 0 END
                + octet_length(v.doc_key) + 256) OVER w AS bytes
        FROM visible AS v
        WINDOW w AS (ORDER BY v.doc_key)
    ),
    cut AS (
        SELECT m.*, m.place = 1 OR (m.place <= p_limit AND m.bytes <= p_max_bytes) AS fits
        FROM measured AS m
        WHERE m.place <= p_limit + 1
    ),
    -- The text is made once and apart: update_text is inlined only where its arguments are simple.
    printed AS MATERIALIZED (
        SELECT c.*,
            CASE
                WHEN c.fits AND c.payload_bytes <= v_limit THEN khala_internal.payload_text(c.payload, c.payload_bytes)
            END AS payload_json
        FROM cut AS c
    )
    SELECT
        '{"topic":"' || p_topic || '","epoch":' || to_json(khala.current_epoch())::text
        || ',"watermark":' || khala_internal.wire_integer(v_watermark) || ',"documents":['
        || coalesce(string_agg(
            khala_internal.update_text(
                p_topic, p.doc_key, p.doc_version, p.watermark, p.payload_hash, FALSE, p.payload_json
            ), ','
            ORDER BY p.doc_key
        ) FILTER (WHERE p.fits), '') || ']',
        max(p.doc_key) FILTER (WHERE p.fits),
        coalesce(bool_and(p.fits), TRUE)
    INTO page, next_doc_key, complete
    FROM printed AS p;

    IF complete THEN
        next_doc_key := NULL;
    END IF;
    page := page || ',"next_doc_key":' || coalesce(to_json(next_doc_key)::text, 'null')
        || ',"complete":' || complete::text || '}';
    RETURN NEXT;
END
$$;

ALTER FUNCTION khala.snapshot(p_topic text, p_org_id text, p_after_doc_key text, p_limit integer, p_watermark bigint, p_max_bytes integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.snapshot(p_topic text, p_org_id text, p_after_doc_key text, p_limit integer, p_watermark bigint, p_max_bytes integer) IS 'One page of the read model in document key order. Arguments: topic, either name; organisation, null sees public documents only; key to go on after, null for the first page; most documents; the first page''s watermark, null on the first page; most bytes, though never less than one document. Result: the page as JSON text, the key to go on after, the watermark to subscribe from, whether it is the last. Errors: KH001, KH002 or KH003 when the first page''s watermark is no longer good, KH007.';

CREATE FUNCTION khala.telemetry() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
DECLARE
    v_topics jsonb;
    v_drift jsonb;
    v_waits jsonb;
    v_sinks jsonb;
BEGIN
    SELECT jsonb_agg(
        jsonb_build_object(
            'topic', t.topic,
            'head_watermark', t.head_watermark,
            'retention_floor', t.retention_floor,
            'rows', t.rows,
            'bytes', t.bytes,
            'oldest_age_s', date_part('epoch', t.oldest_age),
            'writes_per_minute', t.writes_per_minute,
            'armed', t.armed,
            'retention_horizon_s', date_part('epoch', r.retention_horizon),
            'overdue_s', date_part('epoch', r.overdue),
            'last_purge_at_s', date_part('epoch', r.last_purge_at),
            'purges', r.purges,
            'purged_events', r.purged_events
        )
        ORDER BY t.topic
    )
    INTO v_topics
    FROM khala.topic_stats AS t
    INNER JOIN khala.retention_stats AS r ON t.topic = r.topic;

    SELECT jsonb_object_agg(p.projection, p.drift)
    INTO v_drift
    FROM khala.projection_stats AS p;

    -- Writers of a topic queue for a lock that khala_internal.allocate_watermark takes; the first of them may have
    -- to wait for the topic's row, whose tuple lock it then holds.
    SELECT jsonb_build_object(
        'waiting_writers', count(DISTINCT w.pid),
        'longest_wait_s', coalesce(max(date_part('epoch', clock_timestamp() - w.waitstart)), 0)
    )
    INTO v_waits
    FROM pg_locks AS w
    WHERE NOT w.granted
        AND (
            (
                w.locktype = 'advisory' AND w.objsubid = 1
                AND w.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                AND (w.classid::bigint << 32 | w.objid::bigint) IN (
                    SELECT khala_internal.topic_lock_key(t.topic) FROM runtime.sync_topics AS t
                )
            )
            OR w.pid IN (
                SELECT q.pid FROM pg_locks AS q
                WHERE q.locktype = 'tuple'
                    AND q.relation = 'runtime.sync_topic_sequences'::regclass
                    AND q.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            )
        );

    -- A standby cannot read what is not logged.
    IF NOT pg_is_in_recovery() THEN
        SELECT jsonb_object_agg(s.outcome, s.sinks) INTO v_sinks FROM khala.sink_stats AS s;
    END IF;

    RETURN v_waits || jsonb_build_object(
        'topics', coalesce(v_topics, '[]'),
        'sinks', coalesce(v_sinks, '{}'),
        'drift', coalesce(v_drift, '{}'),
        'listeners', (
            SELECT count(*) FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.application_name = 'khala relay listener'
        ),
        'notification_queue_usage', pg_notification_queue_usage()
    );
END
$$;

ALTER FUNCTION khala.telemetry() OWNER TO khala_owner;

COMMENT ON FUNCTION khala.telemetry() IS 'What monitoring asks. Arguments: none. Result: {topics: what khala.topic_stats and khala.retention_stats say, durations in seconds; sinks: {outcome: count}, what khala.sink_stats says, none on a standby; drift: {projection: count}, what khala.projection_stats says; waiting_writers, longest_wait_s: who waits for a topic''s row now; listeners: relays that are connected; notification_queue_usage: 0 to 1}. Errors: none.';

CREATE FUNCTION khala.traces(p_topic text, p_after bigint, p_until bigint, p_limit integer DEFAULT 100) RETURNS TABLE(traceparent text, first_watermark bigint, last_watermark bigint, updates bigint, age_s double precision)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
SELECT e.traceparent, min(e.watermark), max(e.watermark), count(*),
    date_part('epoch', clock_timestamp() - min(e.inserted_at))
FROM runtime.sync_stream_events AS e
WHERE e.topic = p_topic AND e.watermark > p_after AND e.watermark <= p_until AND e.traceparent IS NOT NULL
GROUP BY e.traceparent
ORDER BY min(e.watermark)
LIMIT p_limit;
$$;

ALTER FUNCTION khala.traces(p_topic text, p_after bigint, p_until bigint, p_limit integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala.traces(p_topic text, p_after bigint, p_until bigint, p_limit integer) IS 'The traces that events were written in. Arguments: the topic''s own name; the watermark before the first; the last; most traces. Result: per traceparent its first and last watermark, how many events, and how many seconds ago the first was written, in the order of watermarks. Errors: none.';

CREATE FUNCTION khala_internal.allocate_watermark(p_topic text, p_count integer DEFAULT 1) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_head bigint;
    v_armed boolean;
BEGIN
    IF p_count IS NULL OR p_count < 1 THEN
        RAISE EXCEPTION 'cannot allocate % watermarks', coalesce(p_count::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Pass a positive count.';
    END IF;
    -- Subscribers are given what is committed: a crash must not take it back and let the watermark run
    -- again, so this transaction waits for the disk even where the caller's do not.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
    -- Writers of a topic queue here rather than at the row, where each commit wakes all who wait: with 32
    -- of them that was 66 context switches a write instead of 10. A condition costs
    -- less than the query that PERFORM would make of it; only without a topic there is a null.
    IF pg_advisory_xact_lock(khala_internal.topic_lock_key(p_topic)) IS NULL THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    UPDATE runtime.sync_topic_sequences AS s
    SET head_watermark = s.head_watermark + p_count
    WHERE s.topic = p_topic
    RETURNING s.head_watermark, s.armed INTO v_head, v_armed;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF v_armed THEN
        UPDATE runtime.sync_topic_sequences AS s SET armed = FALSE WHERE s.topic = p_topic;
    END IF;
    RETURN v_head;
END
$$;

ALTER FUNCTION khala_internal.allocate_watermark(p_topic text, p_count integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.allocate_watermark(p_topic text, p_count integer) IS 'Allocates contiguous watermarks and locks the topic for other writers until the transaction ends, which then commits synchronously. Arguments: topic; how many. Result: the last one. Errors: KH001 unknown topic, KH007 count below 1.';

CREATE FUNCTION khala_internal.append_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) RETURNS TABLE(seq bigint, outcome text, watermark bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_seq bigint;
    v_latest bigint;
    v_org_id text;
    v_appended boolean := FALSE;
    v_same boolean;
    v_watermark bigint;
BEGIN
    PERFORM khala_internal.check_event(p_kind, p_id, p_event_type, p_payload, p_org_id, p_seq, p_occurred_at);

    LOOP
        UPDATE runtime.entities AS e
        SET latest_seq = e.latest_seq + 1
        WHERE e.kind = p_kind AND e.id = p_id AND (p_seq IS NULL OR e.latest_seq = p_seq - 1)
        RETURNING e.latest_seq, e.org_id INTO v_seq, v_org_id;
        v_appended := FOUND;
        EXIT WHEN v_appended;

        IF p_seq IS NULL OR p_seq = 1 THEN
            INSERT INTO runtime.entities AS e (kind, id, latest_seq, org_id)
            VALUES (p_kind, p_id, 1, p_org_id)
            ON CONFLICT (kind, id) DO NOTHING
            RETURNING e.latest_seq, e.org_id INTO v_seq, v_org_id;
            v_appended := FOUND;
            EXIT WHEN v_appended;
        END IF;

        IF p_seq IS NOT NULL THEN
            SELECT e.latest_seq, e.org_id INTO v_latest, v_org_id
            FROM runtime.entities AS e
            WHERE e.kind = p_kind AND e.id = p_id;
            EXIT WHEN v_latest >= p_seq;
            -- Otherwise another writer has just appended the event before this one: try again.
            IF v_latest IS DISTINCT FROM p_seq - 1 THEN
                RAISE EXCEPTION 'event % of % % would leave a gap: the last one is %',
                    p_seq, p_kind, quote_literal(p_id), coalesce(v_latest, 0)
                    USING ERRCODE = 'KH009', HINT = 'Append the events in between first.';
            END IF;
        END IF;
    END LOOP;

    IF p_org_id IS NOT NULL AND p_org_id IS DISTINCT FROM v_org_id THEN
        RAISE EXCEPTION '% % belongs to %, not to organisation %', p_kind, quote_literal(p_id),
            coalesce('organisation ' || quote_literal(v_org_id), 'nobody'), quote_literal(p_org_id)
            USING ERRCODE = 'KH009', HINT = 'The first event fixes the owner; leave the organisation out of later ones, or use another id.';
    END IF;

    IF NOT v_appended THEN
        SELECT v.event_type = p_event_type AND v.payload = p_payload
            AND (p_occurred_at IS NULL OR v.occurred_at = p_occurred_at)
        INTO v_same
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = p_id AND v.seq = p_seq;
        IF v_same IS NOT TRUE THEN
            RAISE EXCEPTION 'event % of % % is already there with other content', p_seq, p_kind, quote_literal(p_id)
                USING ERRCODE = 'KH009', HINT = 'Another writer uses this id: choose another one, or append without a sequence number.';
        END IF;
        RETURN QUERY SELECT p_seq, 'duplicate', NULL::bigint;
        RETURN;
    END IF;

    INSERT INTO runtime.entity_events (kind, id, seq, occurred_at, event_type, payload)
    VALUES (p_kind, p_id, v_seq, coalesce(p_occurred_at, clock_timestamp()), p_event_type, p_payload);
    SELECT p.watermark INTO v_watermark FROM khala_internal.project_entities(p_kind, ARRAY[p_id]) AS p;
    RETURN QUERY SELECT v_seq, 'appended', v_watermark;
END
$$;

ALTER FUNCTION khala_internal.append_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.append_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) IS 'Appends an event to an entity and projects it. Arguments: entity kind, its id, event type, payload, owner organisation (fixed by the first event; NULL keeps it), sequence number (NULL: the next one), moment (NULL: now). Result: sequence number, appended or duplicate (the event is there already; nothing is written), watermark of the summary (NULL when nothing was written). Errors: KH004, KH005, KH007 as khala_internal.check_event, KH009 gap, other content under this number, or another owner.';

CREATE FUNCTION khala_internal.canonical_json(p_payload jsonb, p_depth integer DEFAULT 1) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_text text;
BEGIN
    IF p_depth = 1 AND jsonb_typeof(p_payload) = 'object' THEN
        IF khala_internal.is_plain_json(p_payload::text) THEN
            RETURN (SELECT c.canonical FROM khala_internal.canonical_of_plain(p_payload) AS c);
        END IF;
        RETURN (SELECT c.canonical FROM khala_internal.canonical_of(p_payload) AS c);
    ELSIF p_depth = 1 AND jsonb_typeof(p_payload) = 'array' THEN
        v_text := p_payload::text;
        -- As in khala_internal.canonical_of.
        IF octet_length(v_text) - octet_length(replace(replace(v_text, '{', ''), '[', '')) > 16 THEN
            RETURN khala_internal.canonical_json_by_level(p_payload);
        END IF;
    END IF;
    IF p_depth > 64 THEN
        RAISE EXCEPTION 'payload is nested deeper than 64 levels'
            USING ERRCODE = 'KH005', HINT = 'Flatten the document.';
    END IF;
    CASE jsonb_typeof(p_payload)
        WHEN 'object' THEN
            RETURN (
                SELECT '{' || coalesce(string_agg(
                    to_json(m.key)::text || ':'
                    || CASE jsonb_typeof(m.value)
                        WHEN 'string' THEN m.value::text
                        WHEN 'number' THEN khala_internal.number_text(m.value::numeric)
                        WHEN 'boolean' THEN m.value::text
                        WHEN 'null' THEN 'null'
                        ELSE khala_internal.canonical_json(m.value, p_depth + 1)
                    END,
                    ','
                    ORDER BY CASE
                        WHEN octet_length(m.key) = length(m.key) THEN m.key
                        ELSE khala_internal.utf16_sort_key(m.key)
                    END COLLATE "C"
                ), '') || '}'
                FROM jsonb_each(p_payload) AS m
            );
        WHEN 'array' THEN
            RETURN (
                SELECT '[' || coalesce(string_agg(
                    CASE jsonb_typeof(e.value)
                        WHEN 'string' THEN e.value::text
                        WHEN 'number' THEN khala_internal.number_text(e.value::numeric)
                        ELSE khala_internal.canonical_json(e.value, p_depth + 1)
                    END,
                    ','
                    ORDER BY e.ordinality
                ), '') || ']'
                FROM jsonb_array_elements(p_payload) WITH ORDINALITY AS e
            );
        WHEN 'number' THEN
            RETURN khala_internal.canonical_number(p_payload::numeric);
        ELSE
            RETURN p_payload::text;
    END CASE;
END
$$;

ALTER FUNCTION khala_internal.canonical_json(p_payload jsonb, p_depth integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.canonical_json(p_payload jsonb, p_depth integer) IS 'RFC 8785 text of a JSON value. Arguments: the value; the depth it stands at (leave it out). Result: canonical text. Errors: KH005 for a number no double stands for, or nesting beyond 64 levels.';

CREATE FUNCTION khala_internal.canonical_json_by_level(p_payload jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_level jsonb[] := ARRAY[p_payload];
    v_texts text[] := ARRAY[]::text[];
    v_text text;
BEGIN
    LOOP
        IF cardinality(v_texts) >= 64 THEN
            RAISE EXCEPTION 'payload is nested deeper than 64 levels'
                USING ERRCODE = 'KH005', HINT = 'Flatten the document.';
        END IF;
        -- Sorted once, below the aggregates, which take their input as it comes.
        SELECT string_agg(s.piece, ''), array_agg(s.value) FILTER (WHERE s.nested)
        INTO v_text, v_level
        FROM (
            SELECT n.piece, n.value, n.nested
            FROM (
                SELECT
                    c.container, 0::bigint AS place, NULL::text COLLATE "C" AS sort_key,
                    CASE jsonb_typeof(c.value) WHEN 'object' THEN U&'\0002{\0003' ELSE U&'\0002[\0003' END AS piece,
                    FALSE AS nested, NULL::jsonb AS value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                UNION ALL
                SELECT
                    c.container, 1,
                    (CASE WHEN octet_length(m.key) = length(m.key) THEN m.key ELSE khala_internal.utf16_sort_key(m.key) END) COLLATE "C",
                    ',' || to_json(m.key)::text || ':' || CASE jsonb_typeof(m.value)
                        WHEN 'number' THEN khala_internal.number_text(m.value::numeric)
                        WHEN 'object' THEN U&'\0001'
                        WHEN 'array' THEN U&'\0001'
                        ELSE m.value::text
                    END,
                    jsonb_typeof(m.value) IN ('object', 'array'), m.value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                CROSS JOIN LATERAL jsonb_each(c.value) AS m
                WHERE jsonb_typeof(c.value) = 'object'
                UNION ALL
                SELECT
                    c.container, e.ordinality, NULL,
                    ',' || CASE jsonb_typeof(e.value)
                        WHEN 'number' THEN khala_internal.number_text(e.value::numeric)
                        WHEN 'object' THEN U&'\0001'
                        WHEN 'array' THEN U&'\0001'
                        ELSE e.value::text
                    END,
                    jsonb_typeof(e.value) IN ('object', 'array'), e.value
                FROM unnest(v_level) WITH ORDINALITY AS c (value, container)
                CROSS JOIN LATERAL jsonb_array_elements(c.value) WITH ORDINALITY AS e
                WHERE jsonb_typeof(c.value) = 'array'
            ) AS n
            ORDER BY n.container, n.place, n.sort_key
        ) AS s;
        v_texts := v_texts || substr(replace(replace(v_text, U&'\0003,', ''), U&'\0003', ''), 2);
        EXIT WHEN v_level IS NULL;
    END LOOP;

    v_text := v_texts[cardinality(v_texts)];
    FOR v_place IN REVERSE cardinality(v_texts) - 1 .. 1 LOOP
        SELECT string_agg(
            t.segment || coalesce(t.child || CASE left(t.child, 1) WHEN '{' THEN '}' ELSE ']' END, ''), ''
            ORDER BY t.place
        )
        INTO v_text
        FROM ROWS FROM (
            unnest(string_to_array(v_texts[v_place], U&'\0001')), unnest(string_to_array(v_text, U&'\0002'))
        ) WITH ORDINALITY AS t (segment, child, place);
    END LOOP;
    RETURN v_text || CASE left(v_text, 1) WHEN '{' THEN '}' ELSE ']' END;
END
$$;

ALTER FUNCTION khala_internal.canonical_json_by_level(p_payload jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.canonical_json_by_level(p_payload jsonb) IS 'Internal: RFC 8785 text of an object or array, made level by level. Argument: the value, an object or array. Result: canonical text. Errors: KH005 as khala_internal.canonical_json.';

CREATE FUNCTION khala_internal.canonical_number(p_number numeric) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET extra_float_digits TO '1'
    AS $$
DECLARE
    v_plain text;
    v_digits text;
    v_double double precision;
    v_shortest numeric;
    v_exact numeric;
    v_bits bigint;
    v_exponent integer;
    v_scale integer;
    v_unit numeric;
    v_candidate numeric;
BEGIN
    IF p_number = 0 THEN
        RETURN '0';
    END IF;
    -- Before any text is made of it: a numeric may have a hundred thousand digits.
    IF p_number <> p_number OR abs(p_number) >= 1.8e308 OR abs(p_number) < 2e-324 THEN
        RAISE EXCEPTION 'number is outside the range of a double'
            USING ERRCODE = 'KH005', HINT = 'Send numbers beyond the range of a double as strings.';
    END IF;

    v_shortest := trim_scale(p_number);
    v_plain := v_shortest::text;
    v_digits := btrim(translate(v_plain, '-.', ''), '0');

    -- Up to 15 digits, decimal to double and back is the identity; beyond, ask the double.
    IF length(v_digits) > 15 OR abs(p_number) < 1e-300 OR abs(p_number) > 1e300 THEN
        BEGIN
            v_double := p_number::double precision;
        EXCEPTION
            WHEN numeric_value_out_of_range THEN
                RAISE EXCEPTION 'number is outside the range of a double'
                    USING ERRCODE = 'KH005', HINT = 'Send numbers beyond the range of a double as strings.';
        END;
        v_shortest := trim_scale(v_double::text::numeric);

        IF v_shortest <> p_number OR length(v_digits) > 15 THEN
            -- The exact value of the double, from its bits.
            v_bits := ('x' || encode(float8send(abs(v_double)), 'hex'))::bit(64)::bigint;
            v_exponent := (v_bits >> 52)::integer;
            v_exact := (v_bits & 4503599627370495)::numeric;
            IF v_exponent = 0 THEN
                v_exponent := 1;
            ELSE
                v_exact := v_exact + 4503599627370496;
            END IF;
            v_exponent := v_exponent - 1075;
            IF v_exponent >= 0 THEN
                v_exact := v_exact * 2::numeric ^ v_exponent;
            ELSE
                v_exact := v_exact * 5::numeric ^ (-v_exponent) * ('1e' || v_exponent)::numeric;
            END IF;
            IF p_number < 0 THEN
                v_exact := -v_exact;
            END IF;

            v_digits := btrim(translate(v_shortest::text, '-.', ''), '0');
            v_scale := CASE
                WHEN abs(v_exact) >= 1 THEN length(trunc(abs(v_exact))::text)
                ELSE 1 - length(substring(v_exact::text FROM '[.](0*)')) - 1
            END;
            -- Postgres never prints a decimal half way between two doubles; ECMAScript does where it is
            -- shorter (1e23). That takes a form of 16 digits or more to be shorter than.
            FOR v_length IN REVERSE CASE WHEN length(v_digits) < 16 THEN 0 ELSE length(v_digits) - 1 END .. 1 LOOP
                v_unit := ('1e' || (v_scale - v_length))::numeric;
                v_candidate := trunc(v_exact / v_unit) * v_unit;
                IF v_candidate::double precision <> v_double THEN
                    v_candidate := v_candidate + sign(v_exact) * v_unit;
                    EXIT WHEN abs(v_candidate) > 1.7976931348623157e308
                        OR v_candidate::double precision <> v_double;
                END IF;
                v_shortest := trim_scale(v_candidate);
            END LOOP;

            IF v_shortest <> p_number AND v_exact <> p_number THEN
                RAISE EXCEPTION 'number % is not exactly a double', left(v_plain, 60)
                    USING ERRCODE = 'KH005',
                        HINT = 'Send numbers that need more than a double as strings; integers are exact up to 2^53.';
            END IF;
        END IF;
        v_plain := v_shortest::text;
    END IF;

    IF abs(v_shortest) >= 1e21 THEN
        v_scale := length(abs(v_shortest)::text) - 1;
    ELSIF abs(v_shortest) < 1e-6 THEN
        v_scale := - length(substring(v_plain FROM '[.](0*)')) - 1;
    ELSE
        RETURN v_plain;
    END IF;
    v_digits := btrim(translate(v_plain, '-.', ''), '0');
    RETURN CASE WHEN v_shortest < 0 THEN '-' ELSE '' END
        || left(v_digits, 1)
        || CASE WHEN length(v_digits) > 1 THEN '.' || substring(v_digits FROM 2) ELSE '' END
        || 'e' || CASE WHEN v_scale >= 0 THEN '+' ELSE '' END || v_scale;
END
$$;

ALTER FUNCTION khala_internal.canonical_number(p_number numeric) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.canonical_number(p_number numeric) IS 'A JSON number in RFC 8785 form. Argument: the number. Result: its text. Errors: KH005 when no double stands for it exactly or as ECMAScript prints it.';

CREATE FUNCTION khala_internal.number_text(p_number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((scale(p_number) = 0) AND (abs(p_number) < ('1000000000000000'::bigint)::numeric)) THEN (p_number)::text WHEN ((length((p_number)::text) <= 15) AND ("right"((p_number)::text, 1) <> '0'::text) AND (strpos((p_number)::text, '0.00000'::text) = 0)) THEN (p_number)::text ELSE khala_internal.canonical_number(p_number) END;

ALTER FUNCTION khala_internal.number_text(p_number numeric) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.number_text(p_number numeric) IS 'Internal: a JSON number in RFC 8785 form. Argument: the number. Result: its text. Errors: KH005 as khala_internal.canonical_number.';

CREATE FUNCTION khala_internal.utf16_sort_key(p_key text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET standard_conforming_strings TO 'on'
    AS $$
SELECT regexp_replace(
    regexp_replace(p_key, U&'([\+10FFFE\+10FFFF])', U&'\+10FFFE\\1', 'g'),
    U&'([\E000-\FFFF])', U&'\+10FFFF\\1', 'g'
);
$$;

ALTER FUNCTION khala_internal.utf16_sort_key(p_key text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.utf16_sort_key(p_key text) IS 'A text whose order under collation "C" is the UTF-16 code unit order of the argument. Argument: an object key. Result: its sort key. Errors: none.';

CREATE FUNCTION khala_internal.canonical_of(p_object jsonb) RETURNS TABLE(canonical text)
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN ((octet_length(o.written) - octet_length(replace(replace(o.written, '{'::text, ''::text), '['::text, ''::text))) > 16) THEN khala_internal.canonical_json_by_level(canonical_of.p_object)
             WHEN (o.written IS NOT NULL) THEN ( SELECT (('{'::text || COALESCE(string_agg((((to_json(m.key))::text || ':'::text) ||
                     CASE jsonb_typeof(m.value)
                         WHEN 'number'::text THEN khala_internal.number_text((m.value)::numeric)
                         WHEN 'object'::text THEN ( SELECT (('{'::text || COALESCE(string_agg((((to_json(n.key))::text || ':'::text) ||
                                 CASE jsonb_typeof(n.value)
                                     WHEN 'number'::text THEN khala_internal.number_text((n.value)::numeric)
                                     WHEN 'object'::text THEN khala_internal.canonical_json(n.value, 3)
                                     WHEN 'array'::text THEN khala_internal.canonical_json(n.value, 3)
                                     ELSE (n.value)::text
                                 END), ','::text ORDER BY (
                                 CASE
                                     WHEN (octet_length(n.key) = length(n.key)) THEN n.key
                                     ELSE khala_internal.utf16_sort_key(n.key)
                                 END COLLATE "C")), ''::text)) || '}'::text)
                            FROM jsonb_each(m.value) n(key, value))
                         WHEN 'array'::text THEN ( SELECT (('['::text || COALESCE(string_agg(
                                 CASE jsonb_typeof(e.value)
                                     WHEN 'number'::text THEN khala_internal.number_text((e.value)::numeric)
                                     WHEN 'object'::text THEN khala_internal.canonical_json(e.value, 3)
                                     WHEN 'array'::text THEN khala_internal.canonical_json(e.value, 3)
                                     ELSE (e.value)::text
                                 END, ','::text ORDER BY e.ordinality), ''::text)) || ']'::text)
                            FROM jsonb_array_elements(m.value) WITH ORDINALITY e(value, ordinality))
                         ELSE (m.value)::text
                     END), ','::text ORDER BY (
                     CASE
                         WHEN (octet_length(m.key) = length(m.key)) THEN m.key
                         ELSE khala_internal.utf16_sort_key(m.key)
                     END COLLATE "C")), ''::text)) || '}'::text)
                FROM jsonb_each(canonical_of.p_object) m(key, value))
             ELSE NULL::text
         END AS canonical
    FROM ( SELECT (canonical_of.p_object)::text AS written
          OFFSET 0) o
  OFFSET 0;
END;

ALTER FUNCTION khala_internal.canonical_of(p_object jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.canonical_of(p_object jsonb) IS 'Internal: RFC 8785 text of an object. Argument: the object, or null. Result: one row, its text; null for null. Errors: KH005 as khala_internal.canonical_json.';

CREATE FUNCTION khala_internal.canonical_of_plain(p_object jsonb) RETURNS TABLE(canonical text)
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (('{'::text || COALESCE(string_agg(((('"'::text || m.key) || '":'::text) ||
         CASE jsonb_typeof(m.value)
             WHEN 'object'::text THEN ( SELECT (('{'::text || COALESCE(string_agg(((('"'::text || n.key) || '":'::text) ||
                     CASE
                         WHEN (jsonb_typeof(n.value) = ANY (ARRAY['object'::text, 'array'::text])) THEN khala_internal.canonical_json(n.value, 3)
                         ELSE (n.value)::text
                     END), ','::text ORDER BY (n.key COLLATE "C")), ''::text)) || '}'::text)
                FROM jsonb_each(m.value) n(key, value))
             WHEN 'array'::text THEN
             CASE
                 WHEN (strpos((m.value)::text, '{'::text) = 0) THEN (json_strip_nulls(((m.value)::text)::json))::text
                 ELSE khala_internal.canonical_json(m.value, 2)
             END
             ELSE (m.value)::text
         END), ','::text ORDER BY (m.key COLLATE "C")), ''::text)) || '}'::text)
    FROM jsonb_each(canonical_of_plain.p_object) m(key, value);
END;

ALTER FUNCTION khala_internal.canonical_of_plain(p_object jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.canonical_of_plain(p_object jsonb) IS 'Internal: RFC 8785 text of a plain object. Argument: an object whose text khala_internal.is_plain_json takes. Result: one row, its text. Errors: none.';

CREATE FUNCTION khala_internal.check_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('run', 'codex_worker') THEN
        RAISE EXCEPTION 'entity kind % is not known', coalesce(quote_literal(left(p_kind, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use run or codex_worker.';
    ELSIF p_id IS NULL OR length(p_id) NOT BETWEEN 1 AND 400 THEN
        RAISE EXCEPTION 'id of the % is %', p_kind,
            CASE WHEN p_id IS NULL THEN 'NULL' ELSE length(p_id) || ' characters long' END
            USING ERRCODE = 'KH007', HINT = 'Use an id of 1 to 400 characters.';
    ELSIF p_event_type IS NULL OR length(p_event_type) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'event type is %',
            CASE WHEN p_event_type IS NULL THEN 'NULL' ELSE length(p_event_type) || ' characters long' END
            USING ERRCODE = 'KH007', HINT = 'Use a type of 1 to 200 characters, such as run.started.';
    ELSIF length(p_org_id) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'organisation id is % characters long', length(p_org_id)
            USING ERRCODE = 'KH007', HINT = 'Use 1 to 200 characters, or NULL for a public entity.';
    ELSIF p_seq < 1 THEN
        RAISE EXCEPTION 'sequence number % is below 1', p_seq
            USING ERRCODE = 'KH007', HINT = 'Events of an entity count 1, 2, 3 …';
    ELSIF p_occurred_at NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
        RAISE EXCEPTION 'time of the event, %, is out of range', p_occurred_at
            USING ERRCODE = 'KH007', HINT = 'Use a moment of the years 1 to 9999.';
    ELSIF p_payload IS NULL OR jsonb_typeof(p_payload) <> 'object' THEN
        RAISE EXCEPTION 'payload of the event is not an object but %',
            CASE WHEN p_payload IS NULL THEN 'NULL' ELSE 'a JSON ' || jsonb_typeof(p_payload) END
            USING ERRCODE = 'KH005', HINT = 'Wrap the value in an object; {} is fine.';
    ELSIF octet_length(p_payload::text) > 1048576 THEN
        RAISE EXCEPTION 'payload of the event has % bytes, 1048576 are allowed', octet_length(p_payload::text)
            USING ERRCODE = 'KH004', HINT = 'Store the large part elsewhere and refer to it.';
    END IF;
    PERFORM khala_internal.canonical_json(p_payload);
END
$$;

ALTER FUNCTION khala_internal.check_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.check_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) IS 'Refuses an event that breaks a rule. Arguments: entity kind, its id, event type, payload, organisation (NULL: none given), sequence number (NULL: to be allocated), moment (NULL: now). Errors: KH004 payload above 1 MiB, KH005 payload not an I-JSON object, KH007 anything else.';

CREATE FUNCTION khala_internal.check_event_document(p_event jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    v_field text;
    v_occurred_at timestamptz;
BEGIN
    IF jsonb_typeof(p_event) <> 'object' THEN
        RAISE EXCEPTION 'event is not an object but a JSON %', jsonb_typeof(p_event)
            USING ERRCODE = 'KH007', HINT = 'Send {"entity": "run", "id": …, "seq": …, "type": …, "payload": {…}}.';
    END IF;
    -- Nearly every event passes; which field is wrong is looked up only for one that does not.
    IF p_event - ARRAY['entity', 'id', 'seq', 'type', 'payload', 'org_id', 'occurred_at'] <> '{}' THEN
        SELECT k.name INTO v_field FROM jsonb_object_keys(p_event) AS k (name)
        WHERE k.name NOT IN ('entity', 'id', 'seq', 'type', 'payload', 'org_id', 'occurred_at')
        LIMIT 1;
        RAISE EXCEPTION 'event has the unknown field %', to_json(left(v_field, 100))
            USING ERRCODE = 'KH007', HINT = 'Fields are entity, id, seq, type, payload, org_id and occurred_at.';
    END IF;
    IF (
        jsonb_typeof(p_event -> 'entity') = 'string' AND jsonb_typeof(p_event -> 'id') = 'string'
        AND jsonb_typeof(p_event -> 'seq') = 'number' AND jsonb_typeof(p_event -> 'type') = 'string'
        AND coalesce(jsonb_typeof(p_event -> 'payload'), 'null') IN ('object', 'null')
        AND coalesce(jsonb_typeof(p_event -> 'org_id'), 'null') IN ('string', 'null')
        AND coalesce(jsonb_typeof(p_event -> 'occurred_at'), 'null') IN ('string', 'null')
    ) IS NOT TRUE THEN
        SELECT f.name INTO v_field
        FROM (
            VALUES
            ('entity', 'string', FALSE), ('id', 'string', FALSE), ('seq', 'number', FALSE), ('type', 'string', FALSE),
            ('payload', 'object', TRUE), ('org_id', 'string', TRUE), ('occurred_at', 'string', TRUE)
        ) AS f (name, type, optional)
        WHERE coalesce(jsonb_typeof(p_event -> f.name), 'missing') <> f.type
            AND NOT (f.optional AND coalesce(jsonb_typeof(p_event -> f.name), 'null') = 'null');
        RAISE EXCEPTION 'field % of the event is %', v_field,
            coalesce('a JSON ' || jsonb_typeof(p_event -> v_field), 'missing')
            USING ERRCODE = CASE v_field WHEN 'payload' THEN 'KH005' ELSE 'KH007' END,
                HINT = 'entity, id, type, org_id and occurred_at are strings, seq is a number, payload an object; payload, org_id and occurred_at may be left out.';
    ELSIF p_event ->> 'seq' !~ '^[0-9]{1,18}$' THEN
        RAISE EXCEPTION 'field seq of the event is %, not a whole number from 1', left(p_event ->> 'seq', 60)
            USING ERRCODE = 'KH007', HINT = 'Events of an entity count 1, 2, 3 …';
    ELSIF p_event ->> 'occurred_at' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$' THEN
        RAISE EXCEPTION 'field occurred_at of the event is %', to_json(left(p_event ->> 'occurred_at', 60))
            USING ERRCODE = 'KH007', HINT = 'Write it as 2026-01-31T23:59:59.25Z, with Z or an offset.';
    END IF;
    IF p_event ->> 'occurred_at' IS NOT NULL THEN
        BEGIN
            v_occurred_at := (p_event ->> 'occurred_at')::timestamptz;
        EXCEPTION
            WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
                RAISE EXCEPTION 'field occurred_at of the event, %, is no moment', to_json(p_event ->> 'occurred_at')
                    USING ERRCODE = 'KH007', HINT = 'Write it as 2026-01-31T23:59:59.25Z, with Z or an offset.';
        END;
    END IF;
    PERFORM khala_internal.check_event(
        p_event ->> 'entity', p_event ->> 'id', p_event ->> 'type',
        coalesce(nullif(p_event -> 'payload', 'null'), '{}'),
        p_event ->> 'org_id', (p_event ->> 'seq')::bigint, v_occurred_at
    );
END
$_$;

ALTER FUNCTION khala_internal.check_event_document(p_event jsonb) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.check_event_document(p_event jsonb) IS 'Refuses an element of khala.ingest_events that is malformed. Argument: the element. Errors: KH004, KH005, KH007 as khala_internal.check_event, KH007 for an unknown, missing or wrongly typed field.';

CREATE FUNCTION khala_internal.check_page_limits(p_max_updates integer, p_max_bytes integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF coalesce(p_max_updates NOT BETWEEN 1 AND 10000, TRUE) THEN
        RAISE EXCEPTION 'a page of % updates is not possible', coalesce(p_max_updates::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Ask for 1 to 10000; 200 is the default.';
    END IF;
    IF coalesce(p_max_bytes NOT BETWEEN 1 AND 67108864, TRUE) THEN
        RAISE EXCEPTION 'a page of % bytes is not possible', coalesce(p_max_bytes::text, 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Ask for 1 to 67108864 bytes; 2097152 is the default.';
    END IF;
END
$$;

ALTER FUNCTION khala_internal.check_page_limits(p_max_updates integer, p_max_bytes integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.check_page_limits(p_max_updates integer, p_max_bytes integer) IS 'Internal: refuses unusable page limits. Arguments: updates, bytes. Result: none. Errors: KH007.';

CREATE FUNCTION khala_internal.count_sinks(p_outcome text, p_count integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_sequence regclass := 'runtime.sync_sinks_' || p_outcome;
    v_counted bigint;
BEGIN
    IF current_setting('transaction_read_only') = 'on' THEN
        RETURN NULL;
    END IF;
    FOR v_place IN 1 .. p_count LOOP
        v_counted := nextval(v_sequence);
    END LOOP;
    RETURN v_counted;
END
$$;

ALTER FUNCTION khala_internal.count_sinks(p_outcome text, p_count integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.count_sinks(p_outcome text, p_count integer) IS 'Internal: counts sinks. Arguments: their outcome, one that khala.sink_stats has; how many. Result: how many there were since the server last recovered; null if none was counted, as in a read-only transaction. Errors: none.';

CREATE FUNCTION khala_internal.feed_until(p_topic text, p_after bigint, p_head_watermark bigint, p_max_updates integer, p_max_bytes integer) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_until bigint := least(p_head_watermark, p_after + p_max_updates);
BEGIN
    IF v_until <= p_after + 1 THEN
        RETURN v_until;
    END IF;
    RETURN (
        SELECT max(m.watermark)
        FROM (
            SELECT j.watermark,
                sum(CASE WHEN j.payload IS NULL THEN 0 ELSE j.payload_bytes END
                    + octet_length(j.doc_key) + 256) OVER (ORDER BY j.watermark) AS bytes
            FROM runtime.sync_stream_events AS j
            WHERE j.topic = p_topic AND j.watermark > p_after AND j.watermark <= v_until
        ) AS m
        WHERE m.bytes <= p_max_bytes OR m.watermark = p_after + 1
    );
END
$$;

ALTER FUNCTION khala_internal.feed_until(p_topic text, p_after bigint, p_head_watermark bigint, p_max_updates integer, p_max_bytes integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.feed_until(p_topic text, p_after bigint, p_head_watermark bigint, p_max_updates integer, p_max_bytes integer) IS 'Internal: the last watermark of a page of the live feed. Arguments: the topic''s own name; cursor; head; most watermarks; most bytes. Result: a watermark; the cursor itself when it is at the head. Errors: none.';

CREATE FUNCTION khala_internal.traceparent() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN "substring"(current_setting('khala.traceparent'::text, true), '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]$'::text);

ALTER FUNCTION khala_internal.traceparent() OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.traceparent() IS 'Internal: the W3C traceparent that the session set as khala.traceparent. Arguments: none. Result: the setting; null when it is not set, not of version 00, malformed or not sampled. Errors: none.';

CREATE TABLE runtime.sync_stream_events (
    topic text NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    inserted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload_bytes integer NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    owner_changed boolean DEFAULT false NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    org_id text,
    previous_org_id text,
    payload_hash bytea,
    payload text,
    traceparent text DEFAULT khala_internal.traceparent()
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_vacuum_scale_factor='0.02');

ALTER TABLE runtime.sync_stream_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_stream_events IS 'The journal: ordering authority, contiguous per topic between the retention floor and the head';

COMMENT ON COLUMN runtime.sync_stream_events.payload_bytes IS 'Length of the canonical payload in bytes, whether carried here or not';

COMMENT ON COLUMN runtime.sync_stream_events.owner_changed IS 'With this row the document left previous_org_id: a tombstone to whoever no longer sees it';

COMMENT ON COLUMN runtime.sync_stream_events.org_id IS 'Owner organisation; null is public';

COMMENT ON COLUMN runtime.sync_stream_events.previous_org_id IS 'Owner before this row when owner_changed; null is public';

COMMENT ON COLUMN runtime.sync_stream_events.payload_hash IS 'SHA-256 of the canonical payload; null for a tombstone';

COMMENT ON COLUMN runtime.sync_stream_events.payload IS 'Canonical JSON text (RFC 8785); null for a tombstone and in pointer mode';

COMMENT ON COLUMN runtime.sync_stream_events.traceparent IS 'W3C trace context of the writer, if it set one; read by relays that trace';

CREATE FUNCTION khala_internal.feed_updates(p_topic text, p_after bigint, p_until bigint) RETURNS TABLE(watermark bigint, org_id text, except_org_id text, doc_key text, doc_version bigint, payload_hash bytea, deleted boolean, payload text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT j.watermark,
     audience.org_id,
     audience.except_org_id,
     j.doc_key,
     j.doc_version,
     j.payload_hash,
     (j.deleted OR audience.leaves),
     j.payload
    FROM (runtime.sync_stream_events j
      CROSS JOIN LATERAL ( SELECT j.org_id,
             NULL::text AS except_org_id,
             false AS leaves
         UNION ALL
          SELECT j.previous_org_id,
                 CASE
                     WHEN (j.previous_org_id IS NULL) THEN j.org_id
                     ELSE NULL::text
                 END AS "case",
             true
           WHERE (j.owner_changed AND (j.org_id IS NOT NULL))) audience)
   WHERE ((j.topic = feed_updates.p_topic) AND (j.watermark > feed_updates.p_after) AND (j.watermark <= feed_updates.p_until));
END;

ALTER FUNCTION khala_internal.feed_updates(p_topic text, p_after bigint, p_until bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.feed_updates(p_topic text, p_after bigint, p_until bigint) IS 'Internal: the rows of a page of the live feed. Arguments: the topic''s own name; cursor; last watermark. Result: per update and audience a row, in no order; org_id null is everybody but except_org_id. Errors: none.';

CREATE FUNCTION khala_internal.is_plain_json(p_written text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((strpos(p_written, '\'::text) = 0) AND ((octet_length(p_written) - octet_length(replace(replace(p_written, '{'::text, ''::text), '['::text, ''::text))) <= 16) AND (p_written !~ '[ []-?([0-9.]{16}|[0-9]+\.[0-9]*0[],}]|0\.00000)'::text) AND ((octet_length(p_written) = length(p_written)) OR (p_written !~ '[\U00010000-\U0010FFFF]'::text)));

ALTER FUNCTION khala_internal.is_plain_json(p_written text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.is_plain_json(p_written text) IS 'Internal: whether khala_internal.canonical_of_plain can write an object. Argument: the object as jsonb prints it. Result: true, false, or null for null. Errors: none.';

CREATE FUNCTION khala_internal.is_writable(p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, p_owned boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((length(p_doc_key) >= 1) AND (length(p_doc_key) <= 512)) AND (p_doc_version >= 0) AND ((p_org_id IS NULL) OR (p_owned AND ((length(p_org_id) >= 1) AND (length(p_org_id) <= 200)))) AND ((octet_length(p_doc_key) + COALESCE(octet_length(p_org_id), 0)) <= 2600) AND (p_deleted OR (jsonb_typeof(p_payload) = 'object'::text)));

ALTER FUNCTION khala_internal.is_writable(p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, p_owned boolean) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.is_writable(p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, p_owned boolean) IS 'Internal: whether a document can be written. Arguments: key; version; owner; payload; whether it is a tombstone; whether the topic''s documents may have owners. Result: true, or false or null. Errors: none.';

CREATE FUNCTION khala_internal.iso_timestamp(p_at timestamp with time zone) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
END
$$;

ALTER FUNCTION khala_internal.iso_timestamp(p_at timestamp with time zone) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.iso_timestamp(p_at timestamp with time zone) IS 'A moment as documents show it. Argument: the moment, of the years 1 to 9999. Result: text such as 2026-01-31T23:59:59.000001Z. Errors: none.';

CREATE FUNCTION khala_internal.judge_document(p_version bigint, p_hash bytea, p_org_id text, p_deleted boolean, p_stored_version bigint, p_stored_hash bytea, p_stored_org_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((p_stored_version IS NULL) OR (p_version > p_stored_version)) THEN 'applied'::text WHEN (p_version < p_stored_version) THEN 'stale_version'::text WHEN ((p_hash IS DISTINCT FROM p_stored_hash) OR ((NOT p_deleted) AND (p_org_id IS DISTINCT FROM p_stored_org_id))) THEN 'rewritten'::text ELSE 'duplicate'::text END;

ALTER FUNCTION khala_internal.judge_document(p_version bigint, p_hash bytea, p_org_id text, p_deleted boolean, p_stored_version bigint, p_stored_hash bytea, p_stored_org_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.judge_document(p_version bigint, p_hash bytea, p_org_id text, p_deleted boolean, p_stored_version bigint, p_stored_hash bytea, p_stored_org_id text) IS 'Internal: outcome of writing a document. Arguments: its version, hash, owner and whether it is a tombstone; version (null: none), hash and owner stored. Result: applied, rewritten, duplicate or stale_version. Errors: none.';

CREATE FUNCTION khala_internal.open_cursor(p_topic text, p_after bigint, p_epoch text, OUT topic text, OUT after bigint, OUT head_watermark bigint) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_floor bigint;
    v_epoch text;
    v_reason text;
BEGIN
    SELECT t.topic, s.head_watermark, r.retention_floor
    INTO open_cursor.topic, open_cursor.head_watermark, v_floor
    FROM runtime.sync_topics AS t
    INNER JOIN runtime.sync_topic_sequences AS s ON t.topic = s.topic
    INNER JOIN runtime.sync_topic_retention AS r ON t.topic = r.topic
    WHERE t.topic = p_topic OR t.enum_name = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF p_after < 0 THEN
        RAISE EXCEPTION 'cursor % is negative', p_after
            USING ERRCODE = 'KH007', HINT = 'Pass a watermark from 0, or null for the earliest retained.';
    END IF;
    open_cursor.after := coalesce(p_after, v_floor - 1);
    v_epoch := khala.current_epoch();
    v_reason := CASE
        WHEN v_epoch IS NULL OR p_epoch <> v_epoch THEN 'epoch_changed'
        WHEN open_cursor.after > open_cursor.head_watermark THEN 'cursor_ahead'
        WHEN open_cursor.after + 1 < v_floor THEN 'below_floor'
    END;
    IF v_reason IS NOT NULL THEN
        RAISE EXCEPTION 'cursor % of topic % is stale: %', open_cursor.after, p_topic, v_reason
            USING ERRCODE = CASE WHEN v_reason = 'below_floor' THEN 'KH002' ELSE 'KH003' END,
                DETAIL = json_build_array(json_build_object(
                    'topic', p_topic, 'resume_after', open_cursor.after, 'retention_floor', v_floor,
                    'head_watermark', open_cursor.head_watermark, 'reason', v_reason
                )),
                HINT = CASE
                    WHEN v_epoch IS NULL
                        THEN 'This database was restored: call khala.ensure_epoch(), as a relay does when it connects.'
                    ELSE 'Read a snapshot of the topic and go on from its watermark; never use this cursor again.'
                END;
    END IF;
END
$$;

ALTER FUNCTION khala_internal.open_cursor(p_topic text, p_after bigint, p_epoch text, OUT topic text, OUT after bigint, OUT head_watermark bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.open_cursor(p_topic text, p_after bigint, p_epoch text, OUT topic text, OUT after bigint, OUT head_watermark bigint) IS 'Internal: resolves a topic and checks a cursor. Arguments: topic, either name; cursor, null for the earliest retained; epoch the cursor counts in, null to take the one in force. Result: topic, cursor, head. Errors: KH001, KH002 below the retention floor, KH003 ahead of the head, of another epoch or with none in force, KH007 negative.';

CREATE FUNCTION khala_internal.page_rows(p_topic text, p_after bigint, p_until bigint, p_org_id text) RETURNS TABLE(watermark bigint, doc_key text, doc_version bigint, payload_hash bytea, deleted boolean, payload text, bytes integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT v.watermark,
     v.doc_key,
     v.doc_version,
     v.payload_hash,
     (v.deleted OR (NOT v.own)),
     v.payload,
     ((
         CASE
             WHEN ((v.payload IS NULL) OR (NOT v.own)) THEN 0
             ELSE v.payload_bytes
         END + octet_length(v.doc_key)) + 256)
    FROM ( SELECT j.watermark,
             j.doc_key,
             j.doc_version,
             j.payload_hash,
             j.deleted,
             j.payload,
             j.payload_bytes,
             ((j.org_id IS NULL) OR ((j.org_id = page_rows.p_org_id) IS TRUE)) AS own
            FROM runtime.sync_stream_events j
           WHERE ((j.topic = page_rows.p_topic) AND (j.watermark > page_rows.p_after) AND (j.watermark <= page_rows.p_until) AND ((j.org_id IS NULL) OR (j.org_id = page_rows.p_org_id) OR (j.owner_changed AND ((j.previous_org_id IS NULL) OR (j.previous_org_id = page_rows.p_org_id)))))) v;
END;

ALTER FUNCTION khala_internal.page_rows(p_topic text, p_after bigint, p_until bigint, p_org_id text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.page_rows(p_topic text, p_after bigint, p_until bigint, p_org_id text) IS 'Internal: the rows of a page for one organisation. Arguments: the topic''s own name; cursor; last watermark; organisation, null sees public documents only. Result: the updates in no order, each with the bytes it counts for. Errors: none.';

CREATE FUNCTION khala_internal.wire_integer(p_value bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_value > '9007199254740991'::bigint) THEN (('"'::text || (p_value)::text) || '"'::text) ELSE (p_value)::text END;

ALTER FUNCTION khala_internal.wire_integer(p_value bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.wire_integer(p_value bigint) IS 'Internal: a watermark or version as JSON text. Argument: the value. Result: a number, or a string above 2^53 - 1. Errors: none.';

CREATE FUNCTION khala_internal.page_tail(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((((((((('],"replay_complete":'::text || (p_complete)::text) || ',"head_watermarks":[{"topic":"'::text) || p_topic) || '","watermark":'::text) || khala_internal.wire_integer(p_head_watermark)) || '}],"covered_watermarks":[{"topic":"'::text) || p_topic) || '","watermark":'::text) || khala_internal.wire_integer(p_covered_watermark)) || '}]}'::text);

ALTER FUNCTION khala_internal.page_tail(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.page_tail(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) IS 'Internal: the end of an update_batch payload, from the closing bracket of its updates. Arguments: topic name as the subscriber wrote it; whether the page reaches the head; head; covered watermark. Result: JSON text. Errors: none.';

CREATE FUNCTION khala_internal.page_tail_bytes(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) RETURNS bytea
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_length integer := octet_length(p_topic);
    v_head bytea := '\x0a'::bytea || khala_internal.proto_short(v_length) || convert_to(p_topic, 'UTF8');
    v_covered bytea := v_head;
BEGIN
    IF p_head_watermark >= 16384 THEN
        v_head := v_head || '\x10'::bytea || khala_internal.proto_varint(p_head_watermark);
    ELSIF p_head_watermark > 0 THEN
        v_head := v_head || '\x10'::bytea || khala_internal.proto_short(p_head_watermark::integer);
    END IF;
    -- Making a large number takes longer than the rest.
    IF p_covered_watermark = p_head_watermark THEN
        v_covered := v_head;
    ELSIF p_covered_watermark >= 16384 THEN
        v_covered := v_covered || '\x10'::bytea || khala_internal.proto_varint(p_covered_watermark);
    ELSIF p_covered_watermark > 0 THEN
        v_covered := v_covered || '\x10'::bytea || khala_internal.proto_short(p_covered_watermark::integer);
    END IF;
    v_length := octet_length(v_head);
    v_head := '\x1a'::bytea || khala_internal.proto_short(v_length) || v_head;
    v_length := octet_length(v_covered);
    RETURN CASE WHEN p_complete THEN '\x1001'::bytea ELSE ''::bytea END
        || v_head || '\x22'::bytea || khala_internal.proto_short(v_length) || v_covered;
END
$$;

ALTER FUNCTION khala_internal.page_tail_bytes(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.page_tail_bytes(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) IS 'Internal: the end of an UpdateBatch as protobuf, after its updates. Arguments: topic name as the subscriber wrote it; whether the page reaches the head; head; covered watermark. Result: bytes. Errors: none.';

CREATE FUNCTION khala_internal.page_until(p_topic text, p_after bigint, p_until bigint, p_org_id text, p_max_updates integer, p_max_bytes integer) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_rows integer;
    v_bytes bigint;
    v_last bigint;
BEGIN
    SELECT count(*), coalesce(sum(r.bytes), 0), max(r.watermark)
    INTO v_rows, v_bytes, v_last
    FROM (
        SELECT u.watermark, u.bytes
        FROM khala_internal.page_rows(p_topic, p_after, p_until, p_org_id) AS u
        ORDER BY u.watermark
        LIMIT p_max_updates + 1
    ) AS r;
    IF v_bytes <= p_max_bytes OR v_rows = 1 THEN
        RETURN CASE WHEN v_rows > p_max_updates THEN v_last - 1 ELSE p_until END;
    END IF;
    -- One page in thousands is cut by its bytes. Its end is before the first row that does not fit.
    RETURN (
        SELECT min(m.watermark) - 1
        FROM (
            SELECT u.watermark, row_number() OVER w AS place, sum(u.bytes) OVER w AS bytes
            FROM khala_internal.page_rows(p_topic, p_after, v_last, p_org_id) AS u
            WINDOW w AS (ORDER BY u.watermark)
        ) AS m
        WHERE m.place > 1 AND (m.place > p_max_updates OR m.bytes > p_max_bytes)
    );
END
$$;

ALTER FUNCTION khala_internal.page_until(p_topic text, p_after bigint, p_until bigint, p_org_id text, p_max_updates integer, p_max_bytes integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.page_until(p_topic text, p_after bigint, p_until bigint, p_org_id text, p_max_updates integer, p_max_bytes integer) IS 'Internal: the last watermark of a page for one organisation. Arguments: the topic''s own name; cursor; highest watermark to look at; organisation; most updates; most bytes, though never less than one update. Result: a watermark. Errors: none.';

CREATE FUNCTION khala_internal.payload_text(p_payload jsonb, p_payload_bytes integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_text text := p_payload::text;
BEGIN
    IF octet_length(v_text) > p_payload_bytes * 1.5 THEN
        RETURN khala_internal.canonical_json(p_payload);
    END IF;
    RETURN v_text;
END
$$;

ALTER FUNCTION khala_internal.payload_text(p_payload jsonb, p_payload_bytes integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.payload_text(p_payload jsonb, p_payload_bytes integer) IS 'Internal: a payload of the read model as JSON text. Arguments: the payload; length of its canonical text in bytes. Result: at most one and a half times as many bytes. Errors: none.';

CREATE FUNCTION khala_internal.project_entities(p_kind text, p_ids text[], p_rebuild boolean DEFAULT false) RETURNS TABLE(id text, watermark bigint, outcome text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_projection text;
    v_topic text;
    v_version integer := khala.projection_version();
    v_now timestamptz := clock_timestamp();
    v_decided jsonb;
BEGIN
    SELECT p.projection, p.topic INTO v_projection, v_topic FROM khala_internal.projection_of(p_kind) AS p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entity kind % is not known', coalesce(quote_literal(left(p_kind, 100)), 'NULL')
            USING ERRCODE = 'KH007', HINT = 'Use run or codex_worker.';
    END IF;

    PERFORM e.id FROM runtime.entities AS e
    WHERE e.kind = p_kind AND e.id = ANY (p_ids)
    ORDER BY e.id
    FOR NO KEY UPDATE;

    WITH compared AS (
        SELECT s.id, s.org_id, s.latest_seq, s.summary, h.hash, c.last_seq, c.projection_version, c.summary_hash,
            CASE
                WHEN p_rebuild THEN greatest(0, (
                    SELECT d.doc_version - s.latest_seq
                    FROM runtime.sync_documents AS d
                    WHERE d.topic = v_topic AND d.doc_key = s.summary ->> 'document_id'
                ))
                ELSE coalesce(c.version_offset, 0)
            END AS version_offset
        FROM khala_internal.summarize_entities(p_kind, p_ids) AS s
        CROSS JOIN LATERAL khala.payload_hash(s.summary) AS h (hash)
        LEFT JOIN runtime.projection_checkpoints AS c ON c.projection = v_projection AND c.entity_id = s.id
    ),
    judged AS (
        SELECT d.*,
            CASE
                WHEN p_rebuild THEN 'rebuilt'
                WHEN d.last_seq IS NULL OR d.latest_seq > d.last_seq THEN 'new_events'
                WHEN d.latest_seq < d.last_seq THEN 'checkpoint_ahead'
                WHEN d.projection_version <> v_version THEN 'projection_version'
                WHEN d.hash <> d.summary_hash THEN 'drift'
                ELSE 'unchanged'
            END AS reason
        FROM compared AS d
    )
    SELECT jsonb_agg(
        jsonb_build_object(
            'id', j.id, 'reason', j.reason, 'latest_seq', j.latest_seq, 'hash', encode(j.hash, 'hex'),
            'org_id', j.org_id, 'summary', j.summary, 'version_offset', j.version_offset
        ) ORDER BY j.id
    )
    INTO v_decided
    FROM judged AS j;

    INSERT INTO runtime.projection_checkpoints AS c (
        projection, entity_id, last_seq, drift_count, version_offset, updated_at, projection_version, summary_hash
    )
    SELECT v_projection, d.id, d.latest_seq, (d.reason = 'drift')::integer, d.version_offset, v_now, v_version,
        decode(d.hash, 'hex')
    FROM jsonb_to_recordset(v_decided)
        AS d (id text, reason text, latest_seq bigint, version_offset bigint, hash text)
    WHERE d.reason NOT IN ('unchanged', 'checkpoint_ahead')
    ON CONFLICT (projection, entity_id) DO UPDATE SET
    last_seq = excluded.last_seq,
    drift_count = CASE WHEN p_rebuild THEN 0 ELSE c.drift_count + excluded.drift_count END,
    version_offset = excluded.version_offset,
    updated_at = excluded.updated_at,
    projection_version = excluded.projection_version,
    summary_hash = excluded.summary_hash;

    RETURN QUERY
    SELECT d.id, NULL::bigint, 'skipped', d.reason
    FROM jsonb_to_recordset(v_decided) AS d (id text, reason text)
    WHERE d.reason IN ('unchanged', 'checkpoint_ahead');

    SELECT jsonb_agg(d.value) INTO v_decided
    FROM jsonb_array_elements(v_decided) AS d
    WHERE d.value ->> 'reason' NOT IN ('unchanged', 'checkpoint_ahead');
    IF v_decided IS NULL THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT d.id, s.watermark,
        CASE WHEN s.outcome IN ('duplicate', 'stale_version') THEN 'skipped' ELSE s.outcome END,
        CASE s.outcome WHEN 'stale_version' THEN 'read_model_ahead' WHEN 'duplicate' THEN 'unchanged' ELSE d.reason END
    FROM khala.sink_batch(
        v_topic,
        (
            SELECT jsonb_agg(jsonb_build_object(
                'doc_key', w.summary -> 'document_id',
                'doc_version', w.latest_seq + w.version_offset,
                'org_id', w.org_id,
                'payload', w.summary || jsonb_build_object('projected_at', khala_internal.iso_timestamp(v_now))
            ) ORDER BY w.id)
            FROM jsonb_to_recordset(v_decided)
                AS w (id text, latest_seq bigint, version_offset bigint, org_id text, summary jsonb)
        )
    ) AS s
    INNER JOIN jsonb_to_recordset(v_decided) AS d (id text, reason text, summary jsonb)
        ON s.doc_key = d.summary ->> 'document_id';
END
$$;

ALTER FUNCTION khala_internal.project_entities(p_kind text, p_ids text[], p_rebuild boolean) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.project_entities(p_kind text, p_ids text[], p_rebuild boolean) IS 'Projects the summaries of some entities. Arguments: entity kind, ids (unknown ones are left out), whether to write them whatever the checkpoints say. Result: per entity the watermark (NULL when nothing was written), outcome applied, rewritten (same sequence, other summary) or skipped, and the reason: new_events; drift, projection_version; rebuilt; unchanged, checkpoint_ahead, read_model_ahead. Errors: KH007 unknown kind, and those of khala.sink_batch.';

CREATE FUNCTION khala_internal.projection_of(p_kind text) RETURNS TABLE(projection text, topic text, event_prefix text, id_field text)
    LANGUAGE plpgsql IMMUTABLE ROWS 1 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    CASE p_kind
        WHEN 'run' THEN
            RETURN QUERY VALUES ('run_summary', 'runtime.run_summaries', 'run.', 'run_id');
        WHEN 'codex_worker' THEN
            RETURN QUERY VALUES ('codex_worker_summary', 'runtime.codex_worker_summaries', 'worker.', 'worker_id');
        ELSE
            RETURN;
    END CASE;
END
$$;

ALTER FUNCTION khala_internal.projection_of(p_kind text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.projection_of(p_kind text) IS 'How a kind of entity is projected. Argument: run or codex_worker. Result: one row with the projection''s name (document keys are runtime/<name>:<id>), its topic, the prefix of its event types and the name of the id in its documents; no row for another kind. Errors: none.';

CREATE FUNCTION khala_internal.proto_short(p_value integer) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_value < 128) THEN SUBSTRING(int4send(p_value) FROM 4) ELSE SUBSTRING(int4send(((((p_value & 127) << 8) | (p_value >> 7)) | 32768)) FROM 3) END;

ALTER FUNCTION khala_internal.proto_short(p_value integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.proto_short(p_value integer) IS 'Internal: a small number as a protobuf varint. Argument: the number, from 0 to 16383. Result: 1 or 2 bytes. Errors: none.';

CREATE FUNCTION khala_internal.proto_varint(p_value bigint) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_value < 128) THEN SUBSTRING(int8send(p_value) FROM 8) WHEN (p_value < 16384) THEN SUBSTRING(int8send(((((p_value & (127)::bigint) << 8) | (p_value >> 7)) | (32768)::bigint)) FROM 7) WHEN (p_value < 2097152) THEN SUBSTRING(int8send((((((p_value & (127)::bigint) << 16) | ((p_value & (16256)::bigint) << 1)) | (p_value >> 14)) | (8421376)::bigint)) FROM 6) ELSE (SUBSTRING(int8send(((((((p_value & (127)::bigint) << 24) | ((p_value & (16256)::bigint) << 9)) | ((p_value & (2080768)::bigint) >> 6)) | ((p_value >> 21) & (127)::bigint)) | CASE WHEN (p_value < 268435456) THEN '2155905024'::bigint ELSE '2155905152'::bigint END)) FROM 5) || CASE WHEN (p_value < 268435456) THEN '\x'::bytea WHEN (p_value < '34359738368'::bigint) THEN SUBSTRING(int8send((p_value >> 28)) FROM 8) WHEN (p_value < '4398046511104'::bigint) THEN SUBSTRING(int8send((((((p_value >> 28) & (127)::bigint) << 8) | (p_value >> 35)) | (32768)::bigint)) FROM 7) WHEN (p_value < '562949953421312'::bigint) THEN SUBSTRING(int8send(((((((p_value >> 28) & (127)::bigint) << 16) | (((p_value >> 28) & (16256)::bigint) << 1)) | (p_value >> 42)) | (8421376)::bigint)) FROM 6) ELSE (SUBSTRING(int8send((((((((p_value >> 28) & (127)::bigint) << 24) | (((p_value >> 28) & (16256)::bigint) << 9)) | (((p_value >> 28) & (2080768)::bigint) >> 6)) | ((p_value >> 49) & (127)::bigint)) | CASE WHEN (p_value < '72057594037927936'::bigint) THEN '2155905024'::bigint ELSE '2155905152'::bigint END)) FROM 5) || CASE WHEN (p_value < '72057594037927936'::bigint) THEN '\x'::bytea ELSE SUBSTRING(int8send((p_value >> 56)) FROM 8) END) END) END;

ALTER FUNCTION khala_internal.proto_varint(p_value bigint) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.proto_varint(p_value bigint) IS 'Internal: a number as a protobuf varint. Argument: the number, from 0. Result: 1 to 9 bytes. Errors: none.';

CREATE FUNCTION khala_internal.rebuild_entities(p_kind text, p_ids text[]) RETURNS TABLE(id text, watermark bigint, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    v_topic text;
BEGIN
    -- From the catalogue, for that is the table every writer comes to first. Whoever locks several, as a
    -- migration does, and a rebuild that has the topic's row before it needs the catalogue, would deadlock.
    SELECT t.topic INTO v_topic
    FROM khala_internal.projection_of(p_kind) AS p
    INNER JOIN runtime.sync_topics AS t ON p.topic = t.topic;

    PERFORM e.id FROM runtime.entities AS e
    WHERE e.kind = p_kind AND e.id = ANY (p_ids)
    ORDER BY e.id
    FOR NO KEY UPDATE;
    -- In the order of khala_internal.allocate_watermark, or the two would wait for each other.
    PERFORM pg_advisory_xact_lock(khala_internal.topic_lock_key(v_topic));
    PERFORM s.topic FROM runtime.sync_topic_sequences AS s
    WHERE s.topic = v_topic
    FOR NO KEY UPDATE;

    RETURN QUERY
    SELECT p.id, p.watermark, p.outcome FROM khala_internal.project_entities(p_kind, p_ids, TRUE) AS p;
END
$$;

ALTER FUNCTION khala_internal.rebuild_entities(p_kind text, p_ids text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.rebuild_entities(p_kind text, p_ids text[]) IS 'Rebuilds the summaries of some entities from history. Arguments: entity kind, ids (unknown ones are left out). Result: per entity the watermark and outcome of the new summary. Errors: KH007 unknown kind, and those of khala.sink_batch.';

CREATE FUNCTION khala_internal.refuse_document(p_ordinal integer, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_owned boolean) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_where text := json_build_object('ordinal', p_ordinal, 'doc_key', left(p_doc_key, 600))::text;
BEGIN
    IF coalesce(length(p_doc_key) NOT BETWEEN 1 AND 512, TRUE) THEN
        RAISE EXCEPTION 'document key has % characters', coalesce(length(p_doc_key), 0)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 512 characters.';
    ELSIF coalesce(p_doc_version < 0, TRUE) THEN
        RAISE EXCEPTION 'document % has version %', quote_literal(p_doc_key), coalesce(p_doc_version::text, 'NULL')
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Versions are whole numbers from 0 that grow with every change.';
    ELSIF length(p_org_id) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'owner of document % has % characters', quote_literal(p_doc_key), length(p_org_id)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Use 1 to 200 characters, or null for a public document.';
    ELSIF octet_length(p_doc_key) + octet_length(p_org_id) > 2600 THEN
        RAISE EXCEPTION 'key and owner of a document have % bytes together', octet_length(p_doc_key) + octet_length(p_org_id)
            USING ERRCODE = 'KH007', DETAIL = v_where, HINT = 'Shorten them to 2600 bytes of UTF-8 together.';
    ELSIF p_org_id IS NOT NULL AND NOT p_owned THEN
        RAISE EXCEPTION 'document % names an owner, but documents of this topic are public', quote_literal(p_doc_key)
            USING ERRCODE = 'KH006', DETAIL = v_where,
                HINT = 'Leave p_org_id out, or register the topic with p_owned => true.';
    END IF;
    RAISE EXCEPTION 'payload of document % is not an object but %',
        quote_literal(p_doc_key), coalesce('a JSON ' || jsonb_typeof(p_payload), 'missing')
        USING ERRCODE = 'KH005', DETAIL = v_where, HINT = 'Send a JSON object; delete with khala.sink_delete.';
END
$$;

ALTER FUNCTION khala_internal.refuse_document(p_ordinal integer, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_owned boolean) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_document(p_ordinal integer, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_owned boolean) IS 'Internal: raises the error for a document that cannot be written. Arguments: its ordinal in the call, key, version, owner and payload; whether the topic''s documents may have owners. Errors: KH005, KH006 or KH007.';

CREATE FUNCTION khala_internal.refuse_history_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'KH009',
            HINT = 'Append an event that corrects the earlier one. To remove history for good, disable this trigger as the owner.';
END
$$;

ALTER FUNCTION khala_internal.refuse_history_change() OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_history_change() IS 'Trigger on the event tables: refuses UPDATE, DELETE and TRUNCATE. Errors: KH009 always.';

CREATE FUNCTION khala_internal.refuse_payloads(p_first_ordinal integer, p_doc_keys text[], p_payloads jsonb[], p_deleted boolean[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_message text;
    v_hint text;
BEGIN
    FOR v_place IN 1 .. cardinality(p_doc_keys) LOOP
        CONTINUE WHEN p_deleted[v_place];
        BEGIN
            PERFORM khala_internal.canonical_json(p_payloads[v_place]);
        EXCEPTION
            WHEN SQLSTATE 'KH005' THEN
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
                RAISE EXCEPTION '%', v_message
                    USING ERRCODE = 'KH005', HINT = v_hint,
                        DETAIL = json_build_object(
                            'ordinal', p_first_ordinal + v_place - 1, 'doc_key', p_doc_keys[v_place]
                        );
        END;
    END LOOP;
END
$$;

ALTER FUNCTION khala_internal.refuse_payloads(p_first_ordinal integer, p_doc_keys text[], p_payloads jsonb[], p_deleted boolean[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_payloads(p_first_ordinal integer, p_doc_keys text[], p_payloads jsonb[], p_deleted boolean[]) IS 'Internal: raises the error for the first payload that is not I-JSON; DETAIL says which. Arguments: ordinal of the first document; keys; payloads; which are tombstones. Errors: KH005.';

CREATE FUNCTION khala_internal.refuse_size(p_ordinal integer, p_doc_key text, p_topic text, p_payload_bytes integer, p_limit integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'payload has % bytes, topic % takes %', p_payload_bytes, p_topic, p_limit
        USING ERRCODE = 'KH004',
            DETAIL = json_build_object(
                'ordinal', p_ordinal, 'doc_key', p_doc_key, 'payload_bytes', p_payload_bytes, 'limit', p_limit
            ),
            HINT = 'Make the document smaller, or let the topic deliver large ones as pointers (payload mode auto).';
END
$$;

ALTER FUNCTION khala_internal.refuse_size(p_ordinal integer, p_doc_key text, p_topic text, p_payload_bytes integer, p_limit integer) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_size(p_ordinal integer, p_doc_key text, p_topic text, p_payload_bytes integer, p_limit integer) IS 'Internal: raises the error for a payload above the limit of an inline topic. Arguments: ordinal of the document in the call; its key; topic; canonical bytes; limit. Errors: KH004.';

CREATE FUNCTION khala_internal.refuse_suppressed_write(p_topic text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'the read model of topic % did not take a write', p_topic
        USING ERRCODE = 'KH010',
            HINT = 'Look for a trigger or rule on the table that suppresses rows, and remove it.';
END
$$;

ALTER FUNCTION khala_internal.refuse_suppressed_write(p_topic text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_suppressed_write(p_topic text) IS 'Internal: raises the error for a read model that a trigger keeps from being written. Argument: its topic. Errors: KH010.';

CREATE FUNCTION khala_internal.refuse_topic(p_topic text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'topic % is not known', coalesce(quote_literal(left(p_topic, 200)), 'NULL')
        USING ERRCODE = 'KH001',
            HINT = 'Register it with khala.register_topic; khala.topic_stats lists those there are.';
END
$$;

ALTER FUNCTION khala_internal.refuse_topic(p_topic text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.refuse_topic(p_topic text) IS 'Internal: raises the error for an unknown topic. Argument: its name. Errors: KH001.';

CREATE FUNCTION khala_internal.stored_documents(p_topic text, p_doc_keys text[]) RETURNS TABLE(doc_key text, doc_version bigint, payload_hash bytea, org_id text, deleted boolean, watermark bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
BEGIN
    RETURN QUERY
    SELECT d.doc_key, d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
    FROM runtime.sync_documents AS d
    WHERE d.topic = p_topic AND d.doc_key = ANY(p_doc_keys);
END
$$;

ALTER FUNCTION khala_internal.stored_documents(p_topic text, p_doc_keys text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.stored_documents(p_topic text, p_doc_keys text[]) IS 'Internal: documents as the read model has them now. Arguments: topic; keys. Result: a row for each that is there. Errors: none.';

CREATE FUNCTION khala_internal.summarize_entities(p_kind text, p_ids text[]) RETURNS TABLE(id text, org_id text, latest_seq bigint, summary jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    v_projection text;
    v_event_prefix text;
    v_id_field text;
BEGIN
    SELECT p.projection, p.event_prefix, p.id_field INTO v_projection, v_event_prefix, v_id_field
    FROM khala_internal.projection_of(p_kind) AS p;

    RETURN QUERY
    SELECT
        e.id,
        e.org_id,
        latest.seq,
        jsonb_build_object(
            'document_id', 'runtime/' || v_projection || ':' || e.id,
            'kind', v_projection,
            v_id_field, e.id,
            'owner', e.org_id,
            'status', coalesce(ended.status, state.status, 'unknown'),
            'terminal_reason', ended.reason,
            'title', CASE
                WHEN jsonb_typeof(started.payload -> 'title') = 'string' THEN left(started.payload ->> 'title', 500)
            END,
            'command', CASE
                WHEN jsonb_typeof(started.payload -> 'command') IN ('string', 'array')
                    AND octet_length(started.payload ->> 'command') <= 8192
                    THEN started.payload -> 'command'
            END,
            'task', CASE
                WHEN jsonb_typeof(state.payload -> 'task') = 'string' THEN left(state.payload ->> 'task', 500)
            END,
            'progress', live.progress,
            'exit_code', CASE
                WHEN state.terminal AND jsonb_typeof(state.payload -> 'exit_code') = 'number'
                    THEN state.payload -> 'exit_code'
            END,
            'signal', CASE
                WHEN state.terminal AND jsonb_typeof(state.payload -> 'signal') = 'string'
                    THEN left(state.payload ->> 'signal', 100)
            END,
            'started_at', khala_internal.iso_timestamp(started.occurred_at),
            'finished_at', CASE WHEN state.terminal THEN khala_internal.iso_timestamp(state.occurred_at) END,
            'latest_seq', latest.seq,
            -- Numbers have no holes: the last one is the count, and nothing has to be counted.
            'event_count', latest.seq,
            'latest_event_type', latest.event_type,
            'latest_event_at', khala_internal.iso_timestamp(latest.occurred_at),
            'runtime_source', jsonb_build_object('entity', e.kind, 'id', e.id, 'seq', latest.seq),
            'projection_version', khala.projection_version()
        )
    FROM runtime.entities AS e
    CROSS JOIN LATERAL (
        SELECT v.seq, v.event_type, v.occurred_at
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = e.id
        ORDER BY v.seq DESC
        LIMIT 1
    ) AS latest
    LEFT JOIN LATERAL (
        SELECT v.seq, v.occurred_at, v.payload
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = e.id AND v.event_type = v_event_prefix || 'started'
        ORDER BY -v.seq
        LIMIT 1
    ) AS started ON TRUE
    LEFT JOIN LATERAL (
        SELECT s.status, s.terminal, v.seq, v.event_type, v.occurred_at, v.payload
        FROM (
            VALUES
            ('queued', 'queued', FALSE), ('started', 'running', FALSE), ('resumed', 'running', FALSE),
            ('paused', 'paused', FALSE), ('waiting', 'waiting', FALSE), ('idle', 'idle', FALSE),
            ('busy', 'busy', FALSE), ('finished', 'succeeded', TRUE), ('failed', 'failed', TRUE),
            ('cancelled', 'cancelled', TRUE), ('stopped', 'stopped', TRUE)
        ) AS s (verb, status, terminal)
        CROSS JOIN LATERAL (
            SELECT w.seq, w.event_type, w.occurred_at, w.payload
            FROM runtime.entity_events AS w
            WHERE w.kind = p_kind AND w.id = e.id AND w.event_type = v_event_prefix || s.verb
            ORDER BY -w.seq
            LIMIT 1
        ) AS v
        ORDER BY v.seq DESC
        LIMIT 1
    ) AS state ON TRUE
    LEFT JOIN LATERAL (
        SELECT v.seq, v.payload
        FROM runtime.entity_events AS v
        WHERE v.kind = p_kind AND v.id = e.id AND v.event_type = v_event_prefix || 'progress'
        ORDER BY -v.seq
        LIMIT 1
    ) AS progress ON TRUE
    LEFT JOIN LATERAL (
        -- How it ended: a reason in the event wins over what its exit status says.
        SELECT
            CASE WHEN outcome.bad THEN 'failed' ELSE state.status END AS status,
            CASE
                WHEN jsonb_typeof(state.payload -> 'reason') = 'string' THEN left(state.payload ->> 'reason', 500)
                WHEN jsonb_typeof(state.payload -> 'signal') = 'string'
                    THEN 'signal ' || left(state.payload ->> 'signal', 100)
                WHEN outcome.bad THEN 'exit code ' || left(state.payload ->> 'exit_code', 40)
                WHEN state.status = 'succeeded' THEN 'completed'
                ELSE state.status
            END AS reason
        FROM (
            SELECT state.status = 'succeeded' AND (
                jsonb_typeof(state.payload -> 'signal') = 'string'
                OR jsonb_typeof(state.payload -> 'exit_code') = 'number' AND state.payload -> 'exit_code' <> '0'
            ) IS TRUE AS bad
        ) AS outcome
        WHERE state.terminal
    ) AS ended ON TRUE
    LEFT JOIN LATERAL (
        -- The last event carries the totals; before that, progress since the latest start.
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'lines', CASE WHEN jsonb_typeof(source.payload -> 'lines') = 'number' THEN source.payload -> 'lines' END,
            'bytes', CASE WHEN jsonb_typeof(source.payload -> 'bytes') = 'number' THEN source.payload -> 'bytes' END,
            'percent', CASE
                WHEN jsonb_typeof(source.payload -> 'percent') = 'number' THEN source.payload -> 'percent'
            END,
            'message', CASE
                WHEN jsonb_typeof(source.payload -> 'message') = 'string' THEN left(source.payload ->> 'message', 500)
            END,
            'last_line', CASE
                WHEN jsonb_typeof(source.payload -> 'last_line') = 'string'
                    THEN left(source.payload ->> 'last_line', 500)
            END
        )) AS progress
        FROM (
            SELECT CASE
                WHEN state.terminal AND state.payload ?| ARRAY['lines', 'bytes', 'percent', 'last_line']
                    THEN state.payload
                WHEN progress.seq > coalesce(started.seq, 0) THEN progress.payload
            END AS payload
        ) AS source
        WHERE source.payload IS NOT NULL
    ) AS live ON TRUE
    WHERE e.kind = p_kind AND e.id = ANY (p_ids);
END
$$;

ALTER FUNCTION khala_internal.summarize_entities(p_kind text, p_ids text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.summarize_entities(p_kind text, p_ids text[]) IS 'Summary documents from history. Arguments: entity kind, ids. Result: per known entity with at least one event its id, owner, last sequence number and summary (without projected_at). Errors: none.';

CREATE FUNCTION khala_internal.sync_topic_sequences_wake() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM pg_notify('khala_sync', new.topic);
    RETURN NULL;
END
$$;

ALTER FUNCTION khala_internal.sync_topic_sequences_wake() OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.sync_topic_sequences_wake() IS 'Trigger of runtime.sync_topic_sequences: notifies channel khala_sync with the topic''s name. Result: ignored. Errors: none.';

CREATE FUNCTION khala_internal.topic_lock_key(p_topic text) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended(('khala topic '::text || p_topic), (0)::bigint);

ALTER FUNCTION khala_internal.topic_lock_key(p_topic text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.topic_lock_key(p_topic text) IS 'Internal: key of the advisory lock that whoever is about to lock the topic''s row takes first. Argument: the topic. Result: the key. Errors: none.';

CREATE FUNCTION khala_internal.update_bytes(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) RETURNS bytea
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_topic bytea := convert_to(p_topic, 'UTF8');
    v_doc_key bytea := convert_to(p_doc_key, 'UTF8');
    v_payload bytea := ''::bytea;
    -- Variables, because khala_internal.proto_short and khala_internal.proto_varint are inlined and repeat their argument.
    v_topic_length integer := octet_length(v_topic);
    v_doc_key_length integer := octet_length(v_doc_key);
    v_length integer;
    -- 1 topic, 2 doc_key; both are short
    v_fields bytea := '\x0a'::bytea || khala_internal.proto_short(v_topic_length) || v_topic
        || '\x12'::bytea || khala_internal.proto_short(v_doc_key_length) || v_doc_key;
BEGIN
    -- Statements rather than CASE: an expression that is not reached need not be made ready.
    -- 3 doc_version, 4 watermark
    IF p_doc_version >= 16384 THEN
        v_fields := v_fields || '\x18'::bytea || khala_internal.proto_varint(p_doc_version);
    ELSIF p_doc_version > 0 THEN
        v_fields := v_fields || '\x18'::bytea || khala_internal.proto_short(p_doc_version::integer);
    END IF;
    IF p_watermark >= 16384 THEN
        v_fields := v_fields || '\x20'::bytea || khala_internal.proto_varint(p_watermark);
    ELSE
        v_fields := v_fields || '\x20'::bytea || khala_internal.proto_short(p_watermark::integer);
    END IF;
    IF p_deleted THEN
        -- 7 deleted
        v_fields := v_fields || '\x3801'::bytea;
    ELSIF p_payload IS NULL THEN
        -- 5 payload_hash, 6 hydration_required
        v_fields := v_fields || '\x2a20'::bytea || p_payload_hash || '\x3001'::bytea;
    ELSE
        -- 5 payload_hash, 9 payload_json
        v_payload := convert_to(p_payload, 'UTF8');
        v_length := octet_length(v_payload);
        IF v_length >= 16384 THEN
            v_fields := v_fields || '\x2a20'::bytea || p_payload_hash || '\x4a'::bytea || khala_internal.proto_varint(v_length);
        ELSE
            v_fields := v_fields || '\x2a20'::bytea || p_payload_hash || '\x4a'::bytea || khala_internal.proto_short(v_length);
        END IF;
    END IF;
    v_length := octet_length(v_fields) + octet_length(v_payload);
    IF v_length >= 16384 THEN
        -- Whatever khala_internal.proto_short would have written wrongly ends up here.
        IF octet_length(v_fields) >= 16384 THEN
            RAISE EXCEPTION 'topic and key of % bytes are too long to be written', v_topic_length + v_doc_key_length
                USING ERRCODE = 'KH007', HINT = 'The write paths take no key above 512 characters.';
        END IF;
        RETURN '\x0a'::bytea || khala_internal.proto_varint(v_length) || v_fields || v_payload;
    END IF;
    RETURN '\x0a'::bytea || khala_internal.proto_short(v_length) || v_fields || v_payload;
END
$$;

ALTER FUNCTION khala_internal.update_bytes(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.update_bytes(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) IS 'Internal: one Update as protobuf, ready to stand in an UpdateBatch. Arguments: topic name as the subscriber wrote it; key; version; watermark; hash; whether it is a tombstone; canonical payload, null for a pointer. Result: bytes. Errors: KH007 topic or key of 16 KiB.';

CREATE FUNCTION khala_internal.update_text(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((((((('{"topic":"'::text || p_topic) || '","doc_key":'::text) || (to_json(p_doc_key))::text) || ',"doc_version":'::text) || khala_internal.wire_integer(p_doc_version)) || ',"watermark":'::text) || khala_internal.wire_integer(p_watermark)) || CASE WHEN p_deleted THEN ',"payload_hash":"","hydration_required":false,"deleted":true}'::text ELSE ((',"payload_hash":"'::text || encode(p_payload_hash, 'base64'::text)) || CASE WHEN (p_payload IS NULL) THEN '","hydration_required":true}'::text ELSE (('","hydration_required":false,"payload":'::text || p_payload) || '}'::text) END) END);

ALTER FUNCTION khala_internal.update_text(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.update_text(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) IS 'Internal: one Update as JSON text. Arguments: topic name as the subscriber wrote it; key; version; watermark; hash; whether it is a tombstone; canonical payload, null for a pointer. Result: a JSON object. Errors: none.';

CREATE FUNCTION khala_internal.write_document(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, OUT watermark bigint, OUT outcome text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    v_payload_mode text;
    v_inline_limit integer;
    v_owned boolean;
    v_many_topics boolean;
    v_canonical text;
    v_bytes integer := 0;
    v_hash bytea;
    v_stored_version bigint;
    v_stored_watermark bigint;
    v_stored_hash bytea;
    v_stored_owner text;
    v_stored_deleted boolean;
    v_owner text;
    v_owner_changed boolean;
    v_watermark bigint;
    v_judged_locked boolean := FALSE;
BEGIN
    -- Scalars throughout: a record is described anew at each assignment.
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned, t.many_topics
    INTO v_payload_mode, v_inline_limit, v_owned, v_many_topics
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;
    IF khala_internal.is_writable(p_doc_key, p_doc_version, p_org_id, p_payload, p_deleted, v_owned) IS NOT TRUE THEN
        PERFORM khala_internal.refuse_document(1, p_doc_key, p_doc_version, p_org_id, p_payload, v_owned);
    END IF;
    IF NOT p_deleted THEN
        v_canonical := p_payload::text;
        IF khala_internal.is_plain_json(v_canonical) THEN
            SELECT c.canonical INTO v_canonical FROM khala_internal.canonical_of_plain(p_payload) AS c;
        ELSE
            SELECT c.canonical INTO v_canonical FROM khala_internal.canonical_of(p_payload) AS c;
        END IF;
        v_bytes := octet_length(v_canonical);
        v_hash := sha256(convert_to(v_canonical, 'UTF8'));
        IF v_bytes > v_inline_limit OR v_payload_mode = 'pointer' THEN
            IF v_payload_mode = 'inline' THEN
                PERFORM khala_internal.refuse_size(1, p_doc_key, p_topic, v_bytes, v_inline_limit);
            END IF;
            v_canonical := NULL;
        END IF;
    END IF;

    LOOP
        -- The second needs no planning, but locks every read model.
        IF v_many_topics THEN
            SELECT d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
            INTO v_stored_version, v_stored_hash, v_stored_owner, v_stored_deleted, v_stored_watermark
            FROM khala_internal.stored_documents(p_topic, ARRAY[p_doc_key]) AS d;
        ELSE
            SELECT d.doc_version, d.payload_hash, d.org_id, d.deleted, d.watermark
            INTO v_stored_version, v_stored_hash, v_stored_owner, v_stored_deleted, v_stored_watermark
            FROM runtime.sync_documents AS d
            WHERE d.topic = p_topic AND d.doc_key = p_doc_key;
        END IF;
        outcome := khala_internal.judge_document(
            p_doc_version, v_hash, p_org_id, p_deleted, v_stored_version, v_stored_hash, v_stored_owner
        );
        IF outcome IN ('duplicate', 'stale_version') THEN
            -- Judged again under the lock, and nothing to write after all: the watermark goes back before
            -- anybody can see it. Unless a trigger has sunk by the upsert that missed: the journal would have a
            -- hole below that.
            IF v_watermark IS NOT NULL THEN
                UPDATE runtime.sync_topic_sequences AS s
                SET head_watermark = s.head_watermark - 1
                WHERE s.topic = p_topic AND s.head_watermark = v_watermark;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'a trigger wrote to topic % before another writer''s document was seen', p_topic
                        USING ERRCODE = 'serialization_failure', HINT = 'Try the transaction again.';
                END IF;
            END IF;
            PERFORM khala_internal.count_sinks(outcome, 1);
            RETURN;
        END IF;
        -- A tombstone goes to whoever could see the document, whatever owner the caller names.
        v_owner := CASE WHEN p_deleted AND v_stored_watermark IS NOT NULL THEN v_stored_owner ELSE p_org_id END;
        v_owner_changed := v_stored_watermark IS NOT NULL AND NOT v_stored_deleted
            AND v_owner IS DISTINCT FROM v_stored_owner;
        IF v_watermark IS NULL THEN
            v_watermark := khala_internal.allocate_watermark(p_topic, 1);
        END IF;

        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        VALUES (
            p_topic, p_doc_key, p_doc_version, v_watermark, v_bytes, p_deleted, v_owner, v_hash,
            CASE WHEN NOT p_deleted THEN p_payload END
        )
        ON CONFLICT (doc_key, topic) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload
        WHERE d.watermark = v_stored_watermark;
        EXIT WHEN FOUND;
        -- Once the topic is locked nobody else changes the document: a second miss is a trigger's doing.
        IF v_judged_locked THEN
            PERFORM khala_internal.refuse_suppressed_write(p_topic);
        END IF;
        v_judged_locked := TRUE;
    END LOOP;

    INSERT INTO runtime.sync_stream_events (
        topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
        payload, payload_hash, payload_bytes
    )
    VALUES (
        p_topic, v_watermark, p_doc_key, p_doc_version, v_owner, v_owner_changed,
        CASE WHEN v_owner_changed THEN v_stored_owner END, p_deleted, v_canonical, v_hash, v_bytes
    );
    watermark := v_watermark;
    IF outcome = 'rewritten' THEN
        PERFORM khala_internal.count_sinks(outcome, 1);
    END IF;
END
$$;

ALTER FUNCTION khala_internal.write_document(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, OUT watermark bigint, OUT outcome text) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.write_document(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, OUT watermark bigint, OUT outcome text) IS 'Internal: the write path behind sink and sink_delete. Arguments: topic; key; version; owner; payload; whether it is a tombstone. Result: watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH010; 40001 where a trigger of the read model sinks as well.';

CREATE FUNCTION khala_internal.write_documents(p_topic text, p_first_ordinal integer, p_doc_keys text[], p_doc_versions bigint[], p_org_ids text[], p_payloads jsonb[], p_deleted boolean[], OUT watermarks bigint[], OUT outcomes text[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
DECLARE
    v_topic record;
    v_canonical text[];
    v_hashes bytea[];
    v_refused integer;
    v_known_head bigint;
    v_owners text[];
    v_owner_changed boolean[];
    v_previous text[];
    v_places integer[];
    v_written integer;
    v_allocated integer := 0;
    v_first bigint;
    v_stored integer;
    v_outcome text;
BEGIN
    SELECT t.payload_mode, t.inline_limit_bytes, t.owned INTO v_topic
    FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF NOT FOUND THEN
        PERFORM khala_internal.refuse_topic(p_topic);
    END IF;

    SELECT min(i.ordinality) INTO v_refused
    FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, p_payloads, p_deleted)
        WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload, deleted)
    WHERE khala_internal.is_writable(i.doc_key, i.doc_version, i.org_id, i.payload, i.deleted, v_topic.owned) IS NOT TRUE;
    IF v_refused IS NOT NULL THEN
        PERFORM khala_internal.refuse_document(
            p_first_ordinal + v_refused - 1, p_doc_keys[v_refused], p_doc_versions[v_refused], p_org_ids[v_refused],
            p_payloads[v_refused], v_topic.owned
        );
    END IF;

    BEGIN
        SELECT
            array_agg(c.canonical ORDER BY i.ordinality),
            array_agg(sha256(convert_to(c.canonical, 'UTF8')) ORDER BY i.ordinality),
            min(i.ordinality) FILTER (WHERE octet_length(c.canonical) > v_topic.inline_limit_bytes)
        INTO v_canonical, v_hashes, v_refused
        FROM unnest(p_payloads, p_deleted) WITH ORDINALITY AS i (payload, deleted, ordinality)
        -- OFFSET keeps the planner from writing what stands here in the place of each use.
        CROSS JOIN LATERAL (SELECT i.payload::text AS written OFFSET 0) AS w
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN i.deleted THEN NULL
                WHEN khala_internal.is_plain_json(w.written)
                    THEN (SELECT p.canonical FROM khala_internal.canonical_of_plain(i.payload) AS p)
                ELSE (SELECT o.canonical FROM khala_internal.canonical_of(i.payload) AS o)
            END AS canonical
            OFFSET 0
        ) AS c;
    EXCEPTION
        WHEN SQLSTATE 'KH005' THEN
            PERFORM khala_internal.refuse_payloads(p_first_ordinal, p_doc_keys, p_payloads, p_deleted);
    END;
    IF v_topic.payload_mode = 'inline' AND v_refused IS NOT NULL THEN
        PERFORM khala_internal.refuse_size(
            p_first_ordinal + v_refused - 1, p_doc_keys[v_refused], p_topic,
            octet_length(v_canonical[v_refused]), v_topic.inline_limit_bytes
        );
    END IF;

    -- Others may write between look and allocation. If nothing is to be written as things stand, that is the
    -- answer: what becomes writable after the look counts as arriving before whoever makes it so.
    LOOP
        SELECT s.head_watermark INTO v_known_head
        FROM runtime.sync_topic_sequences AS s WHERE s.topic = p_topic;
        SELECT
            array_agg(j.outcome),
            array_agg(j.owner_id),
            array_agg(j.owner_changed),
            array_agg(j.previous_org_id),
            array_agg(j.ordinal::integer) FILTER (WHERE j.outcome IN ('applied', 'rewritten'))
        INTO outcomes, v_owners, v_owner_changed, v_previous, v_places
        FROM (
            SELECT
                i.ordinal,
                khala_internal.judge_document(
                    i.doc_version, i.payload_hash, i.org_id, i.deleted, d.doc_version, d.payload_hash, d.org_id
                ) AS outcome,
                -- A tombstone goes to whoever could see the document, whatever owner the caller names.
                CASE WHEN i.deleted AND d.doc_key IS NOT NULL THEN d.org_id ELSE i.org_id END AS owner_id,
                coalesce(NOT d.deleted AND NOT i.deleted AND d.org_id IS DISTINCT FROM i.org_id, FALSE)
                    AS owner_changed,
                d.org_id AS previous_org_id
            FROM unnest(p_doc_keys, p_doc_versions, p_org_ids, v_hashes, p_deleted)
                WITH ORDINALITY AS i (doc_key, doc_version, org_id, payload_hash, deleted, ordinal)
            LEFT JOIN khala_internal.stored_documents(p_topic, p_doc_keys) AS d ON d.doc_key = i.doc_key
            ORDER BY i.ordinal
        ) AS j;
        v_written := coalesce(cardinality(v_places), 0);
        EXIT WHEN v_allocated > 0 OR v_written = 0;
        v_allocated := v_written;
        v_first := khala_internal.allocate_watermark(p_topic, v_allocated) - v_allocated;
        -- Whoever writes a document takes a watermark, so while the head has not moved no document has changed.
        EXIT WHEN v_first = v_known_head;
    END LOOP;
    IF v_written <> v_allocated THEN
        -- The count is put right before anybody can see it.
        UPDATE runtime.sync_topic_sequences AS s SET head_watermark = v_first + v_written WHERE s.topic = p_topic;
    END IF;

    IF v_written > 0 THEN
        -- The read model first: a trigger of the journal that sinks meets what the journal says.
        -- From the arrays: what is joined, sorted or kept in between is copied each time, payloads and all.
        INSERT INTO runtime.sync_documents AS d (
            topic, doc_key, doc_version, watermark, payload_bytes, deleted, org_id, payload_hash, payload
        )
        SELECT
            p_topic, p_doc_keys[w.place], p_doc_versions[w.place], v_first + w.nth,
            coalesce(octet_length(v_canonical[w.place]), 0), p_deleted[w.place], v_owners[w.place],
            v_hashes[w.place], CASE WHEN NOT p_deleted[w.place] THEN p_payloads[w.place] END
        FROM unnest(v_places) WITH ORDINALITY AS w (place, nth)
        ON CONFLICT (doc_key, topic) DO UPDATE
        SET doc_version = excluded.doc_version,
            watermark = excluded.watermark,
            updated_at = excluded.updated_at,
            payload_bytes = excluded.payload_bytes,
            deleted = excluded.deleted,
            org_id = excluded.org_id,
            payload_hash = excluded.payload_hash,
            payload = excluded.payload;
        GET DIAGNOSTICS v_stored = ROW_COUNT;
        IF v_stored <> v_written THEN
            PERFORM khala_internal.refuse_suppressed_write(p_topic);
        END IF;

        INSERT INTO runtime.sync_stream_events (
            topic, watermark, doc_key, doc_version, org_id, owner_changed, previous_org_id, deleted,
            payload, payload_hash, payload_bytes
        )
        SELECT
            p_topic, v_first + w.nth, p_doc_keys[w.place], p_doc_versions[w.place], v_owners[w.place],
            v_owner_changed[w.place], CASE WHEN v_owner_changed[w.place] THEN v_previous[w.place] END,
            p_deleted[w.place],
            CASE
                WHEN v_topic.payload_mode <> 'pointer'
                    AND octet_length(v_canonical[w.place]) <= v_topic.inline_limit_bytes
                    THEN v_canonical[w.place]
            END,
            v_hashes[w.place], coalesce(octet_length(v_canonical[w.place]), 0)
        FROM unnest(v_places) WITH ORDINALITY AS w (place, nth);
    END IF;

    watermarks := array_fill(NULL::bigint, ARRAY[coalesce(cardinality(p_doc_keys), 0)]);
    FOR v_nth IN 1 .. v_written LOOP
        watermarks[v_places[v_nth]] := v_first + v_nth;
    END LOOP;
    FOREACH v_outcome IN ARRAY ARRAY['rewritten', 'duplicate', 'stale_version'] LOOP
        IF array_position(outcomes, v_outcome) IS NOT NULL THEN
            PERFORM khala_internal.count_sinks(v_outcome, cardinality(array_positions(outcomes, v_outcome)));
        END IF;
    END LOOP;
END
$$;

ALTER FUNCTION khala_internal.write_documents(p_topic text, p_first_ordinal integer, p_doc_keys text[], p_doc_versions bigint[], p_org_ids text[], p_payloads jsonb[], p_deleted boolean[], OUT watermarks bigint[], OUT outcomes text[]) OWNER TO khala_owner;

COMMENT ON FUNCTION khala_internal.write_documents(p_topic text, p_first_ordinal integer, p_doc_keys text[], p_doc_versions bigint[], p_org_ids text[], p_payloads jsonb[], p_deleted boolean[], OUT watermarks bigint[], OUT outcomes text[]) IS 'Internal: the write path behind sink_batch. Arguments: topic; ordinal of the first document, for errors; keys, each at most once; versions; owners; payloads; which are tombstones. Result: per document its watermark (null when nothing was written) and outcome. Errors: KH001, KH004, KH005, KH006, KH007, KH010.';

CREATE TABLE runtime.projection_checkpoints (
    projection text NOT NULL,
    entity_id text NOT NULL,
    last_seq bigint NOT NULL,
    drift_count bigint DEFAULT 0 NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    projection_version integer NOT NULL,
    summary_hash bytea NOT NULL,
    CONSTRAINT projection_checkpoints_drift_count_check CHECK ((drift_count >= 0)),
    CONSTRAINT projection_checkpoints_last_seq_check CHECK ((last_seq > 0)),
    CONSTRAINT projection_checkpoints_projection_version_check CHECK ((projection_version > 0)),
    CONSTRAINT projection_checkpoints_summary_hash_check CHECK ((octet_length(summary_hash) = 32)),
    CONSTRAINT projection_checkpoints_version_offset_check CHECK ((version_offset >= 0))
)
WITH (fillfactor='50');

ALTER TABLE runtime.projection_checkpoints OWNER TO khala_owner;

COMMENT ON TABLE runtime.projection_checkpoints IS 'What each projection has written last for each entity; makes projecting again a no-op';

COMMENT ON COLUMN runtime.projection_checkpoints.last_seq IS 'Last event of the entity that the summary includes';

COMMENT ON COLUMN runtime.projection_checkpoints.drift_count IS 'How often the same history gave another summary under the same projection version';

COMMENT ON COLUMN runtime.projection_checkpoints.version_offset IS 'How far the document''s version is above its sequence number: above 0 when history was lost and the summary rebuilt';

COMMENT ON COLUMN runtime.projection_checkpoints.summary_hash IS 'SHA-256 of the canonical summary without projected_at';

CREATE VIEW khala.projection_stats AS
 SELECT projection,
    count(*) AS drifted_entities,
    (sum(drift_count))::bigint AS drift
   FROM runtime.projection_checkpoints c
  WHERE (drift_count > 0)
  GROUP BY projection;

ALTER VIEW khala.projection_stats OWNER TO khala_owner;

COMMENT ON VIEW khala.projection_stats IS 'Per projection that has drifted: of how many entities the same history gave another summary, and how often, since each was last rebuilt';

CREATE TABLE runtime.sync_topic_retention (
    topic text NOT NULL,
    retention_floor bigint DEFAULT 1 NOT NULL,
    last_purge_at timestamp with time zone,
    purges bigint DEFAULT 0 NOT NULL,
    purged_events bigint DEFAULT 0 NOT NULL,
    CONSTRAINT sync_topic_retention_retention_floor_check CHECK ((retention_floor > 0))
);

ALTER TABLE runtime.sync_topic_retention OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topic_retention IS 'Retention floor (oldest retained watermark) of each topic, and what purges did';

CREATE TABLE runtime.sync_topics (
    topic text NOT NULL,
    enum_name text,
    read_model text NOT NULL,
    payload_mode text DEFAULT 'auto'::text NOT NULL,
    inline_limit_bytes integer DEFAULT 262144 NOT NULL,
    retention_horizon interval DEFAULT '7 days'::interval NOT NULL,
    owned boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    many_topics boolean DEFAULT false NOT NULL,
    CONSTRAINT sync_topics_enum_name_check CHECK ((enum_name ~ '^SYNC_TOPIC_[A-Z0-9_]+$'::text)),
    CONSTRAINT sync_topics_inline_limit_bytes_check CHECK ((inline_limit_bytes > 0)),
    CONSTRAINT sync_topics_payload_mode_check CHECK ((payload_mode = ANY (ARRAY['inline'::text, 'pointer'::text, 'auto'::text]))),
    CONSTRAINT sync_topics_retention_horizon_check CHECK (((retention_horizon > '00:00:00'::interval) AND (retention_horizon <= '1000 years'::interval))),
    CONSTRAINT sync_topics_topic_check CHECK (((topic ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'::text) AND (length(topic) <= 200)))
);

ALTER TABLE runtime.sync_topics OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topics IS 'Catalogue of topics: one per model class';

COMMENT ON COLUMN runtime.sync_topics.enum_name IS 'Name of the proto enum value; a subscriber may use either name';

COMMENT ON COLUMN runtime.sync_topics.read_model IS 'Table in schema runtime that holds the topic''s current documents';

COMMENT ON COLUMN runtime.sync_topics.payload_mode IS 'inline: always in the journal, larger is refused; pointer: never; auto: in the journal up to inline_limit_bytes';

COMMENT ON COLUMN runtime.sync_topics.inline_limit_bytes IS 'Largest canonical payload, in bytes, that the journal carries';

COMMENT ON COLUMN runtime.sync_topics.retention_horizon IS 'Age at which khala.retain may purge a journal row';

COMMENT ON COLUMN runtime.sync_topics.owned IS 'Whether documents may belong to an organisation; if not, every document is public';

COMMENT ON COLUMN runtime.sync_topics.many_topics IS 'The same in every row, set by khala.register_topic: there are more than 32 topics, so that a plan for all read models would lock too many';

CREATE VIEW khala.retention_stats AS
 SELECT t.topic,
    r.retention_floor,
    t.retention_horizon,
    r.last_purge_at,
    r.purges,
    r.purged_events,
    ((now() - oldest.inserted_at) - t.retention_horizon) AS overdue
   FROM ((runtime.sync_topics t
     JOIN runtime.sync_topic_retention r ON ((t.topic = r.topic)))
     LEFT JOIN LATERAL ( SELECT e.inserted_at
           FROM runtime.sync_stream_events e
          WHERE ((e.topic = t.topic) AND (e.watermark = r.retention_floor))
          ORDER BY e.watermark
         LIMIT 1) oldest ON (true));

ALTER VIEW khala.retention_stats OWNER TO khala_owner;

COMMENT ON VIEW khala.retention_stats IS 'Per topic: retention floor and horizon, what purges did, how long the oldest row has been overdue (negative: not yet)';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_duplicate
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_duplicate OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_duplicate IS 'Counts sinks of what was there already';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_rewritten
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_rewritten OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_rewritten IS 'Counts sinks of a version that was there with other content';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_stale_version
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_stale_version OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_stale_version IS 'Counts sinks of a version below the one that was there';

CREATE VIEW khala.sink_stats AS
 SELECT 'rewritten'::text AS outcome,
        CASE
            WHEN r.is_called THEN r.last_value
            ELSE (0)::bigint
        END AS sinks
   FROM runtime.sync_sinks_rewritten r
UNION ALL
 SELECT 'duplicate'::text AS outcome,
        CASE
            WHEN d.is_called THEN d.last_value
            ELSE (0)::bigint
        END AS sinks
   FROM runtime.sync_sinks_duplicate d
UNION ALL
 SELECT 'stale_version'::text AS outcome,
        CASE
            WHEN s.is_called THEN s.last_value
            ELSE (0)::bigint
        END AS sinks
   FROM runtime.sync_sinks_stale_version s;

ALTER VIEW khala.sink_stats OWNER TO khala_owner;

COMMENT ON VIEW khala.sink_stats IS 'Sinks by outcome, of all topics, since the server last recovered from a crash: rewritten, duplicate, stale_version, those rolled back among them. What was written, applied or rewritten, is in khala.topic_stats: heads. A standby cannot read it';

CREATE TABLE runtime.sync_topic_sequences (
    topic text NOT NULL,
    head_watermark bigint DEFAULT 0 NOT NULL,
    armed boolean DEFAULT false NOT NULL
)
WITH (fillfactor='10', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');

ALTER TABLE runtime.sync_topic_sequences OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topic_sequences IS 'Last allocated watermark of each topic; writers lock it from allocation to commit, so commit order is watermark order';

COMMENT ON COLUMN runtime.sync_topic_sequences.armed IS 'A relay has caught up and sleeps: the next writer notifies and disarms';

CREATE VIEW khala.topic_stats AS
 SELECT t.topic,
    s.head_watermark,
    r.retention_floor,
    (now() - oldest.inserted_at) AS oldest_age,
    ((s.head_watermark - r.retention_floor) + 1) AS rows,
    ((sample.average_bytes * (((s.head_watermark - r.retention_floor) + 1))::numeric))::bigint AS bytes,
    recent.writes_per_minute,
    s.armed
   FROM (((((runtime.sync_topics t
     JOIN runtime.sync_topic_sequences s ON ((t.topic = s.topic)))
     JOIN runtime.sync_topic_retention r ON ((t.topic = r.topic)))
     LEFT JOIN LATERAL ( SELECT e.inserted_at
           FROM runtime.sync_stream_events e
          WHERE ((e.topic = t.topic) AND (e.watermark = r.retention_floor))
          ORDER BY e.watermark
         LIMIT 1) oldest ON (true))
     CROSS JOIN LATERAL ( SELECT COALESCE(avg(ends.payload_bytes), (0)::numeric) AS average_bytes
           FROM (( SELECT e.payload_bytes
                   FROM runtime.sync_stream_events e
                  WHERE (e.topic = t.topic)
                  ORDER BY e.watermark
                 LIMIT 100)
                UNION ALL
                ( SELECT e.payload_bytes
                   FROM runtime.sync_stream_events e
                  WHERE ((e.topic = t.topic) AND (e.watermark >= (r.retention_floor + 100)))
                  ORDER BY e.watermark DESC
                 LIMIT 100)) ends) sample)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (count(*) < 1000) THEN (count(*))::double precision
                    ELSE (((count(*) * 60))::double precision / GREATEST(date_part('epoch'::text, (now() - min(w.inserted_at))), (0.001)::double precision))
                END AS writes_per_minute
           FROM ( SELECT e.inserted_at
                   FROM runtime.sync_stream_events e
                  WHERE (e.topic = t.topic)
                  ORDER BY e.watermark DESC
                 LIMIT 1000) w
          WHERE (w.inserted_at > (now() - '00:01:00'::interval))) recent);

ALTER VIEW khala.topic_stats OWNER TO khala_owner;

COMMENT ON VIEW khala.topic_stats IS 'Per topic: head, retention floor, age of the oldest row, rows, bytes (estimated from the rows at both ends), writes per minute, whether a relay sleeps on it';

CREATE TABLE runtime.api_keys (
    key_id text NOT NULL,
    secret_hash bytea NOT NULL,
    label text NOT NULL,
    subject text NOT NULL,
    org_id text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_key_id_check CHECK ((key_id ~ '^[0-9a-z]{8,32}$'::text)),
    CONSTRAINT api_keys_label_check CHECK (((length(label) >= 1) AND (length(label) <= 200))),
    CONSTRAINT api_keys_org_id_check CHECK (((length(org_id) >= 1) AND (length(org_id) <= 200))),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 1000))),
    CONSTRAINT api_keys_secret_hash_check CHECK ((octet_length(secret_hash) = 32)),
    CONSTRAINT api_keys_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 400)))
);

ALTER TABLE runtime.api_keys OWNER TO khala_owner;

COMMENT ON TABLE runtime.api_keys IS 'Keys that are exchanged for tokens; the secret itself is stored nowhere';

COMMENT ON COLUMN runtime.api_keys.secret_hash IS 'SHA-256 of the secret, which is 32 random bytes: nothing that could be guessed, so no salt and no stretching';

COMMENT ON COLUMN runtime.api_keys.scopes IS 'Topics that its tokens may be for';

COMMENT ON COLUMN runtime.api_keys.last_used_at IS 'When a token was made with it last, to the hour';

CREATE TABLE runtime.entity_events (
    kind text NOT NULL,
    id text NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    CONSTRAINT entity_events_event_type_check CHECK (((length(event_type) >= 1) AND (length(event_type) <= 200))),
    CONSTRAINT entity_events_payload_check CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT entity_events_seq_check CHECK ((seq > 0))
)
PARTITION BY LIST (kind);

ALTER TABLE runtime.entity_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.entity_events IS 'The runtime''s history, append-only: one partition per kind of entity';

COMMENT ON COLUMN runtime.entity_events.seq IS 'Position in the history of this entity: 1, 2, 3 … without holes';

COMMENT ON COLUMN runtime.entity_events.occurred_at IS 'When it happened, by the clock of whoever reports it';

COMMENT ON COLUMN runtime.entity_events.recorded_at IS 'When it was appended, by the clock of this server';

CREATE TABLE runtime.codex_worker_events (
    kind text CONSTRAINT entity_events_kind_not_null NOT NULL,
    id text CONSTRAINT entity_events_id_not_null NOT NULL,
    seq bigint CONSTRAINT entity_events_seq_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entity_events_occurred_at_not_null NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entity_events_recorded_at_not_null NOT NULL,
    event_type text CONSTRAINT entity_events_event_type_not_null NOT NULL,
    payload jsonb CONSTRAINT entity_events_payload_not_null NOT NULL,
    CONSTRAINT entity_events_event_type_check CHECK (((length(event_type) >= 1) AND (length(event_type) <= 200))),
    CONSTRAINT entity_events_payload_check CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT entity_events_seq_check CHECK ((seq > 0))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05');

ALTER TABLE runtime.codex_worker_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_worker_events IS 'Events of codex workers';

CREATE TABLE runtime.entities (
    kind text NOT NULL,
    id text NOT NULL,
    latest_seq bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    org_id text,
    CONSTRAINT entities_id_check CHECK (((length(id) >= 1) AND (length(id) <= 400))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0)),
    CONSTRAINT entities_org_id_check CHECK (((length(org_id) >= 1) AND (length(org_id) <= 200)))
)
PARTITION BY LIST (kind);

ALTER TABLE runtime.entities OWNER TO khala_owner;

COMMENT ON TABLE runtime.entities IS 'Whatever has a history: one partition per kind. The row is the lock and the counter of its history';

COMMENT ON COLUMN runtime.entities.kind IS 'run or codex_worker';

COMMENT ON COLUMN runtime.entities.latest_seq IS 'Sequence number of the last event; they count from 1 without holes, so this is also how many there are';

COMMENT ON COLUMN runtime.entities.org_id IS 'Owner organisation, fixed by the first event; null is public';

CREATE TABLE runtime.codex_workers (
    kind text CONSTRAINT entities_kind_not_null NOT NULL,
    id text CONSTRAINT entities_id_not_null NOT NULL,
    latest_seq bigint CONSTRAINT entities_latest_seq_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entities_created_at_not_null NOT NULL,
    org_id text,
    CONSTRAINT entities_id_check CHECK (((length(id) >= 1) AND (length(id) <= 400))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0)),
    CONSTRAINT entities_org_id_check CHECK (((length(org_id) >= 1) AND (length(org_id) <= 200)))
)
WITH (fillfactor='50');

ALTER TABLE runtime.codex_workers OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_workers IS 'Codex workers: agents that take up one task after another';

CREATE TABLE runtime.run_events (
    kind text CONSTRAINT entity_events_kind_not_null NOT NULL,
    id text CONSTRAINT entity_events_id_not_null NOT NULL,
    seq bigint CONSTRAINT entity_events_seq_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entity_events_occurred_at_not_null NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entity_events_recorded_at_not_null NOT NULL,
    event_type text CONSTRAINT entity_events_event_type_not_null NOT NULL,
    payload jsonb CONSTRAINT entity_events_payload_not_null NOT NULL,
    CONSTRAINT entity_events_event_type_check CHECK (((length(event_type) >= 1) AND (length(event_type) <= 200))),
    CONSTRAINT entity_events_payload_check CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT entity_events_seq_check CHECK ((seq > 0))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05');

ALTER TABLE runtime.run_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.run_events IS 'Events of runs';

CREATE TABLE runtime.runs (
    kind text CONSTRAINT entities_kind_not_null NOT NULL,
    id text CONSTRAINT entities_id_not_null NOT NULL,
    latest_seq bigint CONSTRAINT entities_latest_seq_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entities_created_at_not_null NOT NULL,
    org_id text,
    CONSTRAINT entities_id_check CHECK (((length(id) >= 1) AND (length(id) <= 400))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0)),
    CONSTRAINT entities_org_id_check CHECK (((length(org_id) >= 1) AND (length(org_id) <= 200)))
)
WITH (fillfactor='50');

ALTER TABLE runtime.runs OWNER TO khala_owner;

COMMENT ON TABLE runtime.runs IS 'Runs: commands and jobs that start, go on and end';

CREATE TABLE runtime.sync_documents (
    topic text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    doc_version bigint NOT NULL,
    watermark bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload_bytes integer NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    org_id text,
    payload_hash bytea,
    payload jsonb
)
PARTITION BY LIST (topic);

ALTER TABLE runtime.sync_documents OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_documents IS 'The read models together, one partition per topic: payload authority';

COMMENT ON COLUMN runtime.sync_documents.watermark IS 'Watermark of the last change';

COMMENT ON COLUMN runtime.sync_documents.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';

COMMENT ON COLUMN runtime.sync_documents.org_id IS 'Owner organisation; null is public';

CREATE TABLE runtime.sync_codex_worker_summaries (
    topic text CONSTRAINT sync_documents_topic_not_null NOT NULL,
    doc_key text CONSTRAINT sync_documents_doc_key_not_null NOT NULL COLLATE pg_catalog."C",
    doc_version bigint CONSTRAINT sync_documents_doc_version_not_null NOT NULL,
    watermark bigint CONSTRAINT sync_documents_watermark_not_null NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT sync_documents_updated_at_not_null NOT NULL,
    payload_bytes integer CONSTRAINT sync_documents_payload_bytes_not_null NOT NULL,
    deleted boolean DEFAULT false CONSTRAINT sync_documents_deleted_not_null NOT NULL,
    org_id text,
    payload_hash bytea,
    payload jsonb
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE runtime.sync_codex_worker_summaries OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_codex_worker_summaries IS 'Read model of topic runtime.codex_worker_summaries';

COMMENT ON COLUMN runtime.sync_codex_worker_summaries.watermark IS 'Watermark of the last change';

COMMENT ON COLUMN runtime.sync_codex_worker_summaries.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';

COMMENT ON COLUMN runtime.sync_codex_worker_summaries.org_id IS 'Owner organisation; null is public';

CREATE TABLE runtime.sync_epochs (
    epoch_number bigint NOT NULL,
    epoch text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text NOT NULL,
    fingerprint text NOT NULL
);

ALTER TABLE runtime.sync_epochs OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_epochs IS 'Epochs in which watermarks count; the newest is in force';

COMMENT ON COLUMN runtime.sync_epochs.fingerprint IS 'Which server, timeline, database and table the epoch began on; another one means a restored or promoted copy';

ALTER TABLE runtime.sync_epochs ALTER COLUMN epoch_number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME runtime.sync_epochs_epoch_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE runtime.sync_notifications (
    topic text CONSTRAINT sync_documents_topic_not_null NOT NULL,
    doc_key text CONSTRAINT sync_documents_doc_key_not_null NOT NULL COLLATE pg_catalog."C",
    doc_version bigint CONSTRAINT sync_documents_doc_version_not_null NOT NULL,
    watermark bigint CONSTRAINT sync_documents_watermark_not_null NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT sync_documents_updated_at_not_null NOT NULL,
    payload_bytes integer CONSTRAINT sync_documents_payload_bytes_not_null NOT NULL,
    deleted boolean DEFAULT false CONSTRAINT sync_documents_deleted_not_null NOT NULL,
    org_id text,
    payload_hash bytea,
    payload jsonb
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE runtime.sync_notifications OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_notifications IS 'Read model of topic runtime.notifications';

COMMENT ON COLUMN runtime.sync_notifications.watermark IS 'Watermark of the last change';

COMMENT ON COLUMN runtime.sync_notifications.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';

COMMENT ON COLUMN runtime.sync_notifications.org_id IS 'Owner organisation; null is public';

CREATE TABLE runtime.sync_revocations (
    kind text NOT NULL,
    value text NOT NULL,
    revocation_number bigint NOT NULL,
    issued_until timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    forget_at timestamp with time zone NOT NULL,
    revoked_by text DEFAULT SESSION_USER NOT NULL,
    reason text,
    CONSTRAINT sync_revocations_kind_check CHECK ((kind = ANY (ARRAY['jti'::text, 'sub'::text, 'org'::text]))),
    CONSTRAINT sync_revocations_value_check CHECK (((length(value) >= 1) AND (length(value) <= 1024)))
);

ALTER TABLE runtime.sync_revocations OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_revocations IS 'Tokens that no longer count: by token, subject or organisation';

COMMENT ON COLUMN runtime.sync_revocations.kind IS 'The claim it names: jti, sub, or org for oa_org_id';

COMMENT ON COLUMN runtime.sync_revocations.revocation_number IS 'Grows with every change, in commit order: a relay asks for what is above the last it knows';

COMMENT ON COLUMN runtime.sync_revocations.issued_until IS 'Tokens issued up to here are meant; -infinity takes the revocation back';

COMMENT ON COLUMN runtime.sync_revocations.forget_at IS 'No token it means can live on then: no token lives longer than 32 days';

ALTER TABLE runtime.sync_revocations ALTER COLUMN revocation_number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME runtime.sync_revocations_revocation_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE runtime.sync_run_summaries (
    topic text CONSTRAINT sync_documents_topic_not_null NOT NULL,
    doc_key text CONSTRAINT sync_documents_doc_key_not_null NOT NULL COLLATE pg_catalog."C",
    doc_version bigint CONSTRAINT sync_documents_doc_version_not_null NOT NULL,
    watermark bigint CONSTRAINT sync_documents_watermark_not_null NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT sync_documents_updated_at_not_null NOT NULL,
    payload_bytes integer CONSTRAINT sync_documents_payload_bytes_not_null NOT NULL,
    deleted boolean DEFAULT false CONSTRAINT sync_documents_deleted_not_null NOT NULL,
    org_id text,
    payload_hash bytea,
    payload jsonb
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE runtime.sync_run_summaries OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_run_summaries IS 'Read model of topic runtime.run_summaries';

COMMENT ON COLUMN runtime.sync_run_summaries.watermark IS 'Watermark of the last change';

COMMENT ON COLUMN runtime.sync_run_summaries.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';

COMMENT ON COLUMN runtime.sync_run_summaries.org_id IS 'Owner organisation; null is public';

ALTER TABLE ONLY runtime.entity_events ATTACH PARTITION runtime.codex_worker_events FOR VALUES IN ('codex_worker');

ALTER TABLE ONLY runtime.entities ATTACH PARTITION runtime.codex_workers FOR VALUES IN ('codex_worker');

ALTER TABLE ONLY runtime.entity_events ATTACH PARTITION runtime.run_events FOR VALUES IN ('run');

ALTER TABLE ONLY runtime.entities ATTACH PARTITION runtime.runs FOR VALUES IN ('run');

ALTER TABLE ONLY runtime.sync_documents ATTACH PARTITION runtime.sync_codex_worker_summaries FOR VALUES IN ('runtime.codex_worker_summaries');

ALTER TABLE ONLY runtime.sync_documents ATTACH PARTITION runtime.sync_notifications FOR VALUES IN ('runtime.notifications');

ALTER TABLE ONLY runtime.sync_documents ATTACH PARTITION runtime.sync_run_summaries FOR VALUES IN ('runtime.run_summaries');

ALTER TABLE ONLY runtime.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY runtime.entity_events
    ADD CONSTRAINT entity_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.codex_worker_events
    ADD CONSTRAINT codex_worker_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.codex_workers
    ADD CONSTRAINT codex_workers_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.projection_checkpoints
    ADD CONSTRAINT projection_checkpoints_pkey PRIMARY KEY (projection, entity_id);

ALTER TABLE ONLY runtime.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.sync_documents
    ADD CONSTRAINT sync_documents_pkey PRIMARY KEY (doc_key, topic);

ALTER TABLE ONLY runtime.sync_codex_worker_summaries
    ADD CONSTRAINT sync_codex_worker_summaries_pkey PRIMARY KEY (doc_key, topic);

ALTER TABLE ONLY runtime.sync_epochs
    ADD CONSTRAINT sync_epochs_epoch_key UNIQUE (epoch);

ALTER TABLE ONLY runtime.sync_epochs
    ADD CONSTRAINT sync_epochs_pkey PRIMARY KEY (epoch_number);

ALTER TABLE ONLY runtime.sync_notifications
    ADD CONSTRAINT sync_notifications_pkey PRIMARY KEY (doc_key, topic);

ALTER TABLE ONLY runtime.sync_revocations
    ADD CONSTRAINT sync_revocations_pkey PRIMARY KEY (kind, value);

ALTER TABLE ONLY runtime.sync_revocations
    ADD CONSTRAINT sync_revocations_revocation_number_key UNIQUE (revocation_number);

ALTER TABLE ONLY runtime.sync_run_summaries
    ADD CONSTRAINT sync_run_summaries_pkey PRIMARY KEY (doc_key, topic);

ALTER TABLE ONLY runtime.sync_stream_events
    ADD CONSTRAINT sync_stream_events_pkey PRIMARY KEY (topic, watermark);

ALTER TABLE ONLY runtime.sync_topic_retention
    ADD CONSTRAINT sync_topic_retention_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topic_sequences
    ADD CONSTRAINT sync_topic_sequences_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_enum_name_key UNIQUE (enum_name);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_read_model_key UNIQUE (read_model);

CREATE INDEX entity_events_type ON ONLY runtime.entity_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX codex_worker_events_kind_id_event_type_expr_idx ON runtime.codex_worker_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX projection_checkpoints_drift ON runtime.projection_checkpoints USING btree (projection) INCLUDE (drift_count) WHERE (drift_count > 0);

CREATE INDEX run_events_kind_id_event_type_expr_idx ON runtime.run_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX sync_documents_owner ON ONLY runtime.sync_documents USING btree (org_id, doc_key) WHERE (NOT deleted);

CREATE INDEX sync_codex_worker_summaries_org_id_doc_key_idx ON runtime.sync_codex_worker_summaries USING btree (org_id, doc_key) WHERE (NOT deleted);

CREATE INDEX sync_notifications_org_id_doc_key_idx ON runtime.sync_notifications USING btree (org_id, doc_key) WHERE (NOT deleted);

CREATE INDEX sync_run_summaries_org_id_doc_key_idx ON runtime.sync_run_summaries USING btree (org_id, doc_key) WHERE (NOT deleted);

ALTER INDEX runtime.entity_events_type ATTACH PARTITION runtime.codex_worker_events_kind_id_event_type_expr_idx;

ALTER INDEX runtime.entity_events_pkey ATTACH PARTITION runtime.codex_worker_events_pkey;

ALTER INDEX runtime.entities_pkey ATTACH PARTITION runtime.codex_workers_pkey;

ALTER INDEX runtime.entity_events_type ATTACH PARTITION runtime.run_events_kind_id_event_type_expr_idx;

ALTER INDEX runtime.entity_events_pkey ATTACH PARTITION runtime.run_events_pkey;

ALTER INDEX runtime.entities_pkey ATTACH PARTITION runtime.runs_pkey;

ALTER INDEX runtime.sync_documents_owner ATTACH PARTITION runtime.sync_codex_worker_summaries_org_id_doc_key_idx;

ALTER INDEX runtime.sync_documents_pkey ATTACH PARTITION runtime.sync_codex_worker_summaries_pkey;

ALTER INDEX runtime.sync_documents_owner ATTACH PARTITION runtime.sync_notifications_org_id_doc_key_idx;

ALTER INDEX runtime.sync_documents_pkey ATTACH PARTITION runtime.sync_notifications_pkey;

ALTER INDEX runtime.sync_documents_owner ATTACH PARTITION runtime.sync_run_summaries_org_id_doc_key_idx;

ALTER INDEX runtime.sync_documents_pkey ATTACH PARTITION runtime.sync_run_summaries_pkey;

CREATE TRIGGER codex_worker_events_truncate BEFORE TRUNCATE ON runtime.codex_worker_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER codex_worker_events_truncate ON runtime.codex_worker_events IS 'History is append-only';

CREATE TRIGGER entity_events_change BEFORE DELETE OR UPDATE ON runtime.entity_events FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER entity_events_change ON runtime.entity_events IS 'History is append-only';

CREATE TRIGGER entity_events_truncate BEFORE TRUNCATE ON runtime.entity_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER entity_events_truncate ON runtime.entity_events IS 'History is append-only';

CREATE TRIGGER run_events_truncate BEFORE TRUNCATE ON runtime.run_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER run_events_truncate ON runtime.run_events IS 'History is append-only';

CREATE TRIGGER sync_topic_sequences_wake AFTER UPDATE OF armed ON runtime.sync_topic_sequences FOR EACH ROW WHEN ((old.armed AND (NOT new.armed))) EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();

COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS 'Wakes sleeping relays: a writer that found the topic armed notifies when it commits';

ALTER TABLE runtime.entity_events
    ADD CONSTRAINT entity_events_kind_id_fkey FOREIGN KEY (kind, id) REFERENCES runtime.entities(kind, id);

ALTER TABLE ONLY runtime.sync_topic_retention
    ADD CONSTRAINT sync_topic_retention_topic_fkey FOREIGN KEY (topic) REFERENCES runtime.sync_topics(topic);

GRANT USAGE ON SCHEMA khala TO khala_runtime;
GRANT USAGE ON SCHEMA khala TO khala_relay;
GRANT USAGE ON SCHEMA khala TO khala_dba;

GRANT USAGE ON SCHEMA runtime TO khala_dba;

REVOKE ALL ON FUNCTION khala.append_codex_worker_event(p_worker_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.append_codex_worker_event(p_worker_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.append_run_event(p_run_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.append_run_event(p_run_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.arm(p_topics text[], p_seen bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.arm(p_topics text[], p_seen bigint[]) TO khala_relay;

REVOKE ALL ON FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.authenticate_api_key(p_key_id text, p_secret_hash bytea) TO khala_relay;

REVOKE ALL ON FUNCTION khala.canonical_json(p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.canonical_json(p_payload jsonb) TO khala_runtime;
GRANT ALL ON FUNCTION khala.canonical_json(p_payload jsonb) TO khala_relay;
GRANT ALL ON FUNCTION khala.canonical_json(p_payload jsonb) TO khala_dba;

REVOKE ALL ON FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb, p_epoch text, p_scopes text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb, p_epoch text, p_scopes text[]) TO khala_relay;
GRANT ALL ON FUNCTION khala.check_cursors(p_topics text[], p_resume_after jsonb, p_epoch text, p_scopes text[]) TO khala_dba;

REVOKE ALL ON FUNCTION khala.count_entities(p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.count_entities(p_kind text) TO khala_runtime;
GRANT ALL ON FUNCTION khala.count_entities(p_kind text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.create_api_key(p_key_id text, p_secret_hash bytea, p_label text, p_subject text, p_org_id text, p_scopes text[], p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.create_api_key(p_key_id text, p_secret_hash bytea, p_label text, p_subject text, p_org_id text, p_scopes text[], p_expires_at timestamp with time zone) TO khala_dba;

REVOKE ALL ON FUNCTION khala.current_epoch() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.current_epoch() TO khala_runtime;
GRANT ALL ON FUNCTION khala.current_epoch() TO khala_relay;
GRANT ALL ON FUNCTION khala.current_epoch() TO khala_dba;

REVOKE ALL ON FUNCTION khala.database_fingerprint() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.database_fingerprint() TO khala_dba;

REVOKE ALL ON FUNCTION khala.ensure_epoch() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.ensure_epoch() TO khala_relay;
GRANT ALL ON FUNCTION khala.ensure_epoch() TO khala_dba;

REVOKE ALL ON FUNCTION khala.event_age(p_topic text, p_watermark bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.event_age(p_topic text, p_watermark bigint) TO khala_relay;

REVOKE ALL ON FUNCTION khala.head_watermarks(p_topics text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.head_watermarks(p_topics text[]) TO khala_relay;

REVOKE ALL ON FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.hydrate(p_topic text, p_doc_key text, p_org_id text) TO khala_relay;

REVOKE ALL ON FUNCTION khala.ingest_events(p_events jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.ingest_events(p_events jsonb) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.list_api_keys() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.list_api_keys() TO khala_dba;

REVOKE ALL ON FUNCTION khala.max_payload_bytes() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.max_payload_bytes() TO khala_relay;

REVOKE ALL ON FUNCTION khala.new_epoch(p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.new_epoch(p_reason text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.parse_payload(p_text text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.parse_payload(p_text text) TO khala_runtime;
GRANT ALL ON FUNCTION khala.parse_payload(p_text text) TO khala_relay;
GRANT ALL ON FUNCTION khala.parse_payload(p_text text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.payload_hash(p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.payload_hash(p_payload jsonb) TO khala_runtime;
GRANT ALL ON FUNCTION khala.payload_hash(p_payload jsonb) TO khala_relay;
GRANT ALL ON FUNCTION khala.payload_hash(p_payload jsonb) TO khala_dba;

REVOKE ALL ON FUNCTION khala.payload_hash_text(p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.payload_hash_text(p_payload jsonb) TO khala_runtime;
GRANT ALL ON FUNCTION khala.payload_hash_text(p_payload jsonb) TO khala_relay;
GRANT ALL ON FUNCTION khala.payload_hash_text(p_payload jsonb) TO khala_dba;

REVOKE ALL ON FUNCTION khala.project_codex_worker(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.project_codex_worker(p_worker_id text) TO khala_runtime;
GRANT ALL ON FUNCTION khala.project_codex_worker(p_worker_id text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.project_run(p_run_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.project_run(p_run_id text) TO khala_runtime;
GRANT ALL ON FUNCTION khala.project_run(p_run_id text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.projection_version() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.projection_version() TO khala_runtime;
GRANT ALL ON FUNCTION khala.projection_version() TO khala_relay;
GRANT ALL ON FUNCTION khala.projection_version() TO khala_dba;

REVOKE ALL ON FUNCTION khala.rebuild_projection(p_kind text, p_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.rebuild_projection(p_kind text, p_id text) TO khala_runtime;
GRANT ALL ON FUNCTION khala.rebuild_projection(p_kind text, p_id text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.rebuild_projections(p_kind text, p_after_id text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.rebuild_projections(p_kind text, p_after_id text, p_limit integer) TO khala_runtime;
GRANT ALL ON FUNCTION khala.rebuild_projections(p_kind text, p_after_id text, p_limit integer) TO khala_dba;

REVOKE ALL ON FUNCTION khala.register_topic(p_topic text, p_read_model text, p_payload_mode text, p_inline_limit_bytes integer, p_retention_horizon interval, p_owned boolean, p_enum_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.register_topic(p_topic text, p_read_model text, p_payload_mode text, p_inline_limit_bytes integer, p_retention_horizon interval, p_owned boolean, p_enum_name text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.replay(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.replay(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) TO khala_relay;

REVOKE ALL ON FUNCTION khala.replay_binary(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.replay_binary(p_topic text, p_after bigint, p_org_id text, p_max_updates integer, p_max_bytes integer, p_epoch text) TO khala_relay;

REVOKE ALL ON FUNCTION khala.replay_feed(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.replay_feed(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) TO khala_relay;

REVOKE ALL ON FUNCTION khala.replay_feed_binary(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.replay_feed_binary(p_topic text, p_after bigint, p_max_updates integer, p_max_bytes integer, p_epoch text) TO khala_relay;

REVOKE ALL ON FUNCTION khala.retain(p_topic text, p_now timestamp with time zone, p_horizon interval, p_batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.retain(p_topic text, p_now timestamp with time zone, p_horizon interval, p_batch integer) TO khala_dba;

REVOKE ALL ON FUNCTION khala.revocations(p_seen bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.revocations(p_seen bigint) TO khala_relay;
GRANT ALL ON FUNCTION khala.revocations(p_seen bigint) TO khala_dba;

REVOKE ALL ON FUNCTION khala.revoke(p_kind text, p_value text, p_issued_until timestamp with time zone, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.revoke(p_kind text, p_value text, p_issued_until timestamp with time zone, p_reason text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.revoke_api_key(p_key_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.revoke_api_key(p_key_id text) TO khala_dba;

REVOKE ALL ON FUNCTION khala.schema_version() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.schema_version() TO khala_runtime;
GRANT ALL ON FUNCTION khala.schema_version() TO khala_relay;
GRANT ALL ON FUNCTION khala.schema_version() TO khala_dba;

REVOKE ALL ON FUNCTION khala.sink(p_topic text, p_doc_key text, p_doc_version bigint, p_payload jsonb, p_org_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.sink(p_topic text, p_doc_key text, p_doc_version bigint, p_payload jsonb, p_org_id text) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.sink_batch(p_topic text, p_documents jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.sink_batch(p_topic text, p_documents jsonb) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.sink_delete(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.sink_delete(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text) TO khala_runtime;

REVOKE ALL ON FUNCTION khala.snapshot(p_topic text, p_org_id text, p_after_doc_key text, p_limit integer, p_watermark bigint, p_max_bytes integer) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.snapshot(p_topic text, p_org_id text, p_after_doc_key text, p_limit integer, p_watermark bigint, p_max_bytes integer) TO khala_relay;

REVOKE ALL ON FUNCTION khala.telemetry() FROM PUBLIC;
GRANT ALL ON FUNCTION khala.telemetry() TO khala_relay;
GRANT ALL ON FUNCTION khala.telemetry() TO khala_dba;

REVOKE ALL ON FUNCTION khala.traces(p_topic text, p_after bigint, p_until bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION khala.traces(p_topic text, p_after bigint, p_until bigint, p_limit integer) TO khala_relay;

REVOKE ALL ON FUNCTION khala_internal.allocate_watermark(p_topic text, p_count integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.append_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.canonical_json(p_payload jsonb, p_depth integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.canonical_json_by_level(p_payload jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.canonical_number(p_number numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.number_text(p_number numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.utf16_sort_key(p_key text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.canonical_of(p_object jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.canonical_of_plain(p_object jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.check_event(p_kind text, p_id text, p_event_type text, p_payload jsonb, p_org_id text, p_seq bigint, p_occurred_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.check_event_document(p_event jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.check_page_limits(p_max_updates integer, p_max_bytes integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.count_sinks(p_outcome text, p_count integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.feed_until(p_topic text, p_after bigint, p_head_watermark bigint, p_max_updates integer, p_max_bytes integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.traceparent() FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.feed_updates(p_topic text, p_after bigint, p_until bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.is_plain_json(p_written text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.is_writable(p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, p_owned boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.iso_timestamp(p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.judge_document(p_version bigint, p_hash bytea, p_org_id text, p_deleted boolean, p_stored_version bigint, p_stored_hash bytea, p_stored_org_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.open_cursor(p_topic text, p_after bigint, p_epoch text, OUT topic text, OUT after bigint, OUT head_watermark bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.page_rows(p_topic text, p_after bigint, p_until bigint, p_org_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.wire_integer(p_value bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.page_tail(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.page_tail_bytes(p_topic text, p_complete boolean, p_head_watermark bigint, p_covered_watermark bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.page_until(p_topic text, p_after bigint, p_until bigint, p_org_id text, p_max_updates integer, p_max_bytes integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.payload_text(p_payload jsonb, p_payload_bytes integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.project_entities(p_kind text, p_ids text[], p_rebuild boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.projection_of(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.proto_short(p_value integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.proto_varint(p_value bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.rebuild_entities(p_kind text, p_ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_document(p_ordinal integer, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_owned boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_history_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_payloads(p_first_ordinal integer, p_doc_keys text[], p_payloads jsonb[], p_deleted boolean[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_size(p_ordinal integer, p_doc_key text, p_topic text, p_payload_bytes integer, p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_suppressed_write(p_topic text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.refuse_topic(p_topic text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.stored_documents(p_topic text, p_doc_keys text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.summarize_entities(p_kind text, p_ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.sync_topic_sequences_wake() FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.topic_lock_key(p_topic text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.update_bytes(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.update_text(p_topic text, p_doc_key text, p_doc_version bigint, p_watermark bigint, p_payload_hash bytea, p_deleted boolean, p_payload text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.write_document(p_topic text, p_doc_key text, p_doc_version bigint, p_org_id text, p_payload jsonb, p_deleted boolean, OUT watermark bigint, OUT outcome text) FROM PUBLIC;

REVOKE ALL ON FUNCTION khala_internal.write_documents(p_topic text, p_first_ordinal integer, p_doc_keys text[], p_doc_versions bigint[], p_org_ids text[], p_payloads jsonb[], p_deleted boolean[], OUT watermarks bigint[], OUT outcomes text[]) FROM PUBLIC;

GRANT SELECT ON TABLE khala.projection_stats TO khala_dba;

GRANT SELECT ON TABLE runtime.sync_topics TO khala_dba;

GRANT UPDATE(payload_mode) ON TABLE runtime.sync_topics TO khala_dba;

GRANT UPDATE(inline_limit_bytes) ON TABLE runtime.sync_topics TO khala_dba;

GRANT UPDATE(retention_horizon) ON TABLE runtime.sync_topics TO khala_dba;

GRANT SELECT ON TABLE khala.retention_stats TO khala_dba;

GRANT SELECT ON TABLE khala.sink_stats TO khala_dba;

GRANT SELECT ON TABLE khala.topic_stats TO khala_dba;

GRANT SELECT ON TABLE runtime.sync_revocations TO khala_dba;
