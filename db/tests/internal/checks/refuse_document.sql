BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(29);

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

SELECT is(
    pg_temp.failure('SELECT khala_internal.refuse_document(7, ' || v.arguments || ')') - 'message' - 'detail',
    jsonb_build_object('state', v.state, 'hinted', TRUE), v.what
)
FROM (
    VALUES
    ('NULL, 1, NULL, ''{}'', TRUE', 'KH007', 'no key'),
    (''''', 1, NULL, ''{}'', TRUE', 'KH007', 'an empty key'),
    ('repeat(''k'', 513), 1, NULL, ''{}'', TRUE', 'KH007', 'a key of 513 characters'),
    ('''k'', NULL, NULL, ''{}'', TRUE', 'KH007', 'no version'),
    ('''k'', -1, NULL, ''{}'', TRUE', 'KH007', 'a negative version'),
    ('''k'', 1, '''', ''{}'', TRUE', 'KH007', 'an empty owner'),
    ('''k'', 1, repeat(''o'', 201), ''{}'', TRUE', 'KH007', 'an owner of 201 characters'),
    ('repeat(''😀'', 512), 1, repeat(''😀'', 200), ''{}'', TRUE', 'KH007', 'key and owner of 2848 bytes'),
    ('''k'', 1, ''org'', ''{}'', FALSE', 'KH006', 'an owner in a public topic'),
    ('''k'', 1, NULL, NULL, TRUE', 'KH005', 'no payload'),
    ('''k'', 1, NULL, ''null'', TRUE', 'KH005', 'null'),
    ('''k'', 1, NULL, ''[]'', TRUE', 'KH005', 'an array'),
    ('''k'', 1, NULL, ''"x"'', TRUE', 'KH005', 'a string')
) AS v (arguments, state, what);
SELECT is(
    pg_temp.failure($$SELECT khala_internal.refuse_document(7, 'k', -1, NULL, '{}', TRUE)$$) -> 'detail',
    '{"ordinal": 7, "doc_key": "k"}', 'DETAIL says which document'
);
SELECT is(
    length(pg_temp.failure($$SELECT khala_internal.refuse_document(7, repeat('k', 100000), 1, NULL, '{}', TRUE)$$)
    -> 'detail' ->> 'doc_key'), 600, 'as far as that can be shown'
);

-- Whatever is_writable says no to, refuse_document has a word for; both know the same rules.
SELECT is(
    khala_internal.is_writable(v.doc_key, v.doc_version, v.org_id, v.payload::jsonb, FALSE, v.owned) IS TRUE, v.writable,
    'writable or not: ' || v.what
)
FROM (
    VALUES
    ('k', 0::bigint, NULL, '{}', TRUE, TRUE, 'version 0'),
    ('k', 9223372036854775807, NULL, '{}', FALSE, TRUE, 'the largest version'),
    (repeat('😀', 512), 1, NULL, '{}', TRUE, TRUE, 'the longest key'),
    (repeat('k', 512), 1, repeat('😀', 200), '{}', TRUE, TRUE, 'the longest owner'),
    (repeat('😀', 512), 1, repeat('o', 200), '{}', TRUE, TRUE, 'the longest key with a long owner'),
    (repeat('😀', 512), 1, repeat('😀', 138), '{}', TRUE, TRUE, '2600 bytes'),
    (repeat('😀', 512), 1, repeat('😀', 139), '{}', TRUE, FALSE, '2604 bytes'),
    (NULL, 1, NULL, '{}', TRUE, FALSE, 'no key'),
    ('', 1, NULL, '{}', TRUE, FALSE, 'an empty key'),
    ('k', NULL, NULL, '{}', TRUE, FALSE, 'no version'),
    ('k', -1, NULL, '{}', TRUE, FALSE, 'a negative version'),
    ('k', 1, '', '{}', TRUE, FALSE, 'an empty owner'),
    ('k', 1, 'org', '{}', FALSE, FALSE, 'an owner in a public topic'),
    ('k', 1, NULL, '[]', TRUE, FALSE, 'an array')
) AS v (doc_key, doc_version, org_id, payload, owned, writable, what);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
