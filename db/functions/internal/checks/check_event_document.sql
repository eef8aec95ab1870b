-- Shape of one element of khala.ingest_events, checked before its fields are read as SQL types. A misspelt field is
-- refused: an owner that is silently ignored would make an entity public.

CREATE OR REPLACE FUNCTION khala_internal.check_event_document(p_event jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_field text;
    v_occurred_at timestamptz;
BEGIN
    IF jsonb_typeof(p_event) <> 'object' THEN
        RAISE EXCEPTION 'event is not an object but a JSON %', jsonb_typeof(p_event)
            USING ERRCODE = 'KH007', HINT = 'Send {"entity": "run", "id": …, "seq": …, "type": …, "payload": {…}}.';
    END IF;
    -- Nearly every event passes; the wrong field is looked up only for one that does not.
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
                RAISE EXCEPTION 'field occurred_at of the event is %, which is not a time', to_json(p_event ->> 'occurred_at')
                    USING ERRCODE = 'KH007', HINT = 'Write it as 2026-01-31T23:59:59.25Z, with Z or an offset.';
        END;
    END IF;
    PERFORM khala_internal.check_event(
        p_event ->> 'entity', p_event ->> 'id', p_event ->> 'type',
        coalesce(nullif(p_event -> 'payload', 'null'), '{}'),
        p_event ->> 'org_id', (p_event ->> 'seq')::bigint, v_occurred_at
    );
END
$$;

COMMENT ON FUNCTION khala_internal.check_event_document(jsonb) IS
'Refuses an element of khala.ingest_events that is malformed. Argument: the element. Errors: KH004, KH005, KH007 as khala_internal.check_event, KH007 for an unknown, missing or wrongly typed field.';
REVOKE ALL ON FUNCTION khala_internal.check_event_document(jsonb) FROM public;
