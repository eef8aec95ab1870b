BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(21);

CREATE FUNCTION pg_temp.failure(p_sql text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
    v_detail text;
    v_hint text;
BEGIN
    EXECUTE p_sql;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'KH001' OR SQLSTATE 'KH002' OR SQLSTATE 'KH003' OR SQLSTATE 'KH004' OR SQLSTATE 'KH005'
    OR SQLSTATE 'KH006' OR SQLSTATE 'KH007' THEN
        GET STACKED DIAGNOSTICS
            v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        RETURN jsonb_build_object(
            'state', v_state, 'message', SQLERRM, 'detail', nullif(v_detail, '')::jsonb, 'hinted', v_hint <> ''
        );
END
$$;

-- What document_fault finds, refuse_document has words for.
SELECT is(
    pg_temp.failure(format(
        'SELECT khala_internal.refuse_document(f.fault, 7, ''t'', %1$L, %2$L, %3$L, %4$L, %7$L, 10) FROM khala_internal.document_fault(%1$L, %2$L, %3$L, %4$L, %5$L, %6$L, %7$L, ''inline'', 10) AS f (fault)',
        v.doc_key, v.doc_version, v.org_id, v.payload, v.deleted, v.ownership, coalesce(v.bytes, 2)
    )) - 'message' - 'detail',
    jsonb_build_object('state', v.state, 'hinted', TRUE), v.what
)
FROM (
    VALUES
    (NULL, 1::bigint, NULL, '{}', FALSE, NULL::integer, 'mixed', 'KH007', 'no key'), ('', 1, NULL, '{}', FALSE, NULL, 'mixed', 'KH007', 'an empty key'),
    (repeat('k', 513), 1, NULL, '{}', FALSE, NULL, 'mixed', 'KH007', 'a key of 513 characters'),
    ('k', -1, NULL, '{}', FALSE, NULL, 'mixed', 'KH007', 'a negative version'),
    ('k', 1, '', '{}', FALSE, NULL, 'mixed', 'KH007', 'an empty owner'), ('k', 1, repeat('o', 201), '{}', FALSE, NULL, 'mixed', 'KH007', 'an owner of 201 characters'),
    (repeat('😀', 512), 1, repeat('😀', 101), '{}', FALSE, NULL, 'mixed', 'KH007', 'key and owner of 2452 bytes'),
    ('k', 1, 'org', '{}', FALSE, NULL, 'public', 'KH006', 'an owner in a public topic'), ('k', 1, 'org', NULL, TRUE, NULL, 'public', 'KH006', 'of a tombstone too'),
    ('k', 1, NULL, '{}', FALSE, NULL, 'owned', 'KH006', 'no owner in an owned topic'),
    ('k', 1, NULL, NULL, FALSE, NULL, 'mixed', 'KH005', 'no payload'), ('k', 1, NULL, 'null', FALSE, NULL, 'mixed', 'KH005', 'null'), ('k', 1, NULL, '[]', FALSE, NULL, 'mixed', 'KH005', 'an array'),
    ('k', 1, NULL, '"x"', FALSE, NULL, 'mixed', 'KH005', 'a string'), ('k', 1, NULL, '{}', TRUE, NULL, 'mixed', 'KH007', 'a tombstone with a payload'),
    ('k', 1, NULL, 'null', TRUE, NULL, 'mixed', 'KH007', 'even null'), ('k', 1, NULL, '{}', NULL, NULL, 'mixed', 'KH007', 'a tombstone or not: unknown'),
    ('k', 1, NULL, '{}', FALSE, 11, 'mixed', 'KH004', 'more bytes than a topic of mode inline takes')
) AS v (doc_key, doc_version, org_id, payload, deleted, bytes, ownership, state, what);
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_document('version', 7, 't', 'k', -1, NULL, '{}', 2, 10)$$) -> 'detail',
    '{"ordinal": 7, "doc_key": "k"}', 'DETAIL says which document'
);
SELECT is(
    length(pg_temp.failure($$SELECT khala_internal.refuse_document('key', 7, 't', repeat('k', 100000), 1, NULL, '{}', 2, 10)$$)
    -> 'detail' ->> 'doc_key'), 600, 'as far as that can be shown'
);

SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_document('size', 7, 't', 'k', 1, NULL, '{}', 11, 10)$$) -> 'detail',
    '{"ordinal": 7, "doc_key": "k", "payload_bytes": 11, "limit": 10}', 'of one that is too large, how large'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
