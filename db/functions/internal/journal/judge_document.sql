-- The rule of versions, once: what becomes of a document that meets the one stored. Bound when created and
-- without a SET clause, so that it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.judge_document(
    p_version bigint,
    p_hash bytea,
    p_org_id text,
    p_deleted boolean,
    p_stored_version bigint,
    p_stored_hash bytea,
    p_stored_org_id text
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_stored_version IS NULL OR p_version > p_stored_version THEN 'applied'
    WHEN p_version < p_stored_version THEN 'stale_version'
    -- Tombstones have no hash, and keep the owner of what they delete.
    WHEN p_hash IS DISTINCT FROM p_stored_hash OR (NOT p_deleted AND p_org_id IS DISTINCT FROM p_stored_org_id)
        THEN 'rewritten'
    ELSE 'duplicate'
END;

COMMENT ON FUNCTION khala_internal.judge_document(bigint, bytea, text, boolean, bigint, bytea, text) IS
'Internal: outcome of writing a document. Arguments: its version, hash, owner and whether it is a tombstone; version (null: none), hash and owner stored. Result: applied, rewritten, duplicate or stale_version. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.judge_document(bigint, bytea, text, boolean, bigint, bytea, text) FROM public;
