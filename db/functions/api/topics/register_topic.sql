-- Adds a topic and the view of its documents. A second call with the same settings changes nothing, so a runtime can
-- register its topics each time it starts.

CREATE OR REPLACE FUNCTION khala.register_topic(
    p_topic text,
    p_read_model text DEFAULT NULL,
    p_payload_mode text DEFAULT 'auto',
    p_inline_limit_bytes integer DEFAULT 262144,
    p_retention_horizon interval DEFAULT '7 days',
    p_ownership text DEFAULT 'owned',
    p_enum_name text DEFAULT NULL,
    p_writes text DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_read_model text := coalesce(
        p_read_model,
        'sync_' || CASE
            WHEN p_topic LIKE 'runtime.%' THEN replace(substring(p_topic FROM 9), '.', '_')
            ELSE replace(p_topic, '.', '_')
        END
    );
    v_known runtime.sync_topics;
    v_new runtime.sync_topics;
    v_floor bigint;
BEGIN
    v_new.topic := p_topic;
    v_new.read_model := v_read_model;
    v_new.payload_mode := p_payload_mode;
    v_new.inline_limit_bytes := p_inline_limit_bytes;
    v_new.retention_horizon := p_retention_horizon;
    v_new.ownership := p_ownership;
    v_new.enum_name := p_enum_name;
    v_new.writes := coalesce(p_writes, 'direct');
    v_new.max_staged_writes := 100000;
    PERFORM khala_internal.check_topic(v_new);

    -- Of two concurrent registrations of a topic, the second waits, then finds the work of the first.
    PERFORM pg_advisory_xact_lock(hashtextextended('khala.register_topic', 0));

    SELECT t.* INTO v_known FROM runtime.sync_topics AS t WHERE t.topic = p_topic;
    IF FOUND THEN
        IF (v_known.read_model, v_known.payload_mode, v_known.inline_limit_bytes, v_known.retention_horizon,
            v_known.ownership, v_known.enum_name, v_known.writes)
            IS NOT DISTINCT FROM
            (v_read_model, p_payload_mode, p_inline_limit_bytes, p_retention_horizon, p_ownership, p_enum_name,
                coalesce(p_writes, v_known.writes))
        THEN
            RETURN p_topic;
        END IF;
        RAISE EXCEPTION 'topic % is registered with other settings', p_topic
            USING ERRCODE = 'KH008',
                DETAIL = to_jsonb(v_known)::text,
                HINT = 'Use the settings in DETAIL, or change them with khala.set_topic and khala.set_topic_writes.';
    END IF;
    IF EXISTS (SELECT FROM runtime.sync_topics AS t
        WHERE t.read_model = v_read_model OR t.enum_name = p_enum_name OR t.topic = p_enum_name)
        OR to_regclass(format('runtime.%I', v_read_model)) IS NOT NULL
    THEN
        RAISE EXCEPTION 'topic % cannot be registered: %', p_topic, concat_ws(
            ' or ', 'a table or view runtime.' || v_read_model, 'the enum name ' || p_enum_name
        ) || ' already exists'
            USING ERRCODE = 'KH008',
                HINT = 'Pass another p_read_model or p_enum_name; in REPEATABLE READ, retry the transaction.';
    END IF;

    INSERT INTO runtime.sync_topics (
        topic, enum_name, read_model, payload_mode, inline_limit_bytes, retention_horizon, ownership, writes, max_staged_writes
    )
    VALUES (
        p_topic, p_enum_name, v_read_model, p_payload_mode, p_inline_limit_bytes, p_retention_horizon, p_ownership, 'direct',
        v_new.max_staged_writes
    );
    -- After a removed topic of this name, watermarks go on above all of its cursors.
    INSERT INTO runtime.sync_topic_retention AS r (topic) VALUES (p_topic)
    ON CONFLICT (topic) DO UPDATE SET retention_floor = r.retention_floor
    RETURNING r.retention_floor INTO v_floor;
    INSERT INTO runtime.sync_topic_sequences (topic, head_watermark) VALUES (p_topic, v_floor - 1);

    EXECUTE format(
        'CREATE VIEW runtime.%I AS SELECT d.* FROM runtime.sync_documents AS d WHERE d.topic = %L', v_read_model, p_topic
    );
    EXECUTE format('COMMENT ON VIEW runtime.%I IS %L', v_read_model, 'Read model of topic ' || p_topic);
    EXECUTE format('GRANT SELECT ON runtime.%I TO khala_runtime', v_read_model);
    IF p_writes = 'grouped' THEN
        PERFORM khala.set_topic_writes(p_topic, p_writes);
    END IF;
    RETURN p_topic;
END
$$;

COMMENT ON FUNCTION khala.register_topic(text, text, text, integer, interval, text, text, text) IS
'Adds a topic with the view of its documents. Arguments: topic name; name of the view in schema runtime (default sync_ and the name); payload mode inline, pointer or auto; inline limit in bytes; retention horizon; ownership: owned (the default: each document names its organisation), public (none may) or mixed; proto enum name; writes, direct or grouped (null: direct, or unchanged in a registered topic; khala.set_topic_writes changes them). Result: the topic. Errors: KH007 invalid argument, KH008 registered with other settings or name in use.';
REVOKE ALL ON FUNCTION khala.register_topic(text, text, text, integer, interval, text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION khala.register_topic(text, text, text, integer, interval, text, text, text) TO khala_dba;
