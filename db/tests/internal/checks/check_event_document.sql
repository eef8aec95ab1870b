BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(17);

-- The shape of one element of a batch.
SELECT lives_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "payload": {},
    "org_id": "o", "occurred_at": "2026-01-31T23:59:59.123456+05:30"}')$$, 'all fields'
);
SELECT lives_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t"}')$$, 'required fields'
);
SELECT lives_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "payload": null,
    "org_id": null, "occurred_at": null}')$$, 'null is as good as nothing'
);
SELECT throws_ok($$SELECT khala_internal.check_event_document('[]')$$, 'KH007', NULL, 'not an object');
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "org": "o"}')$$,
    'KH007', 'event has the unknown field "org"', 'a misspelt field'
);
SELECT throws_ok(
    format(
        $$SELECT khala_internal.check_event_document(%L::jsonb - %L)$$,
        '{"entity": "run", "id": "a", "seq": 1, "type": "t"}', missing
    ),
    'KH007', format('field %s of the event is missing', missing), 'without ' || missing
) FROM unnest(ARRAY['entity', 'id', 'seq', 'type']) AS f (missing);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": 1, "seq": 1, "type": "t"}')$$, 'KH007', NULL, 'id a number'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": "1", "type": "t"}')$$, 'KH007', NULL, 'seq a string'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1.5, "type": "t"}')$$, 'KH007', NULL, 'seq broken'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 0, "type": "t"}')$$, 'KH007', NULL, 'seq zero'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "payload": []}')$$,
    'KH005', NULL, 'payload an array'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document(jsonb_build_object('entity', 'run', 'id', 'a', 'seq', 1, 'type', 't',
    'payload', jsonb_build_object('a', repeat('a', 1048577))))$$, 'KH004', NULL, 'a large payload'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "occurred_at": "yesterday"}')$$,
    'KH007', NULL, 'a moment in words'
);
SELECT throws_ok(
    $$SELECT khala_internal.check_event_document('{"entity": "run", "id": "a", "seq": 1, "type": "t", "occurred_at": "2026-02-30T00:00:00Z"}')$$,
    'KH007', NULL, 'a day that is none'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
