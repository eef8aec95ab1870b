-- Outcome of writing a document, by one rule for both write paths: versions, current and previous owner, and whether
-- the journal carries the payload. A document without a version takes the next one. Bound at creation and without a
-- SET clause, so it is inlined.

CREATE OR REPLACE FUNCTION khala_internal.judge_document(
    p_doc_version bigint,
    p_hash bytea,
    p_payload_bytes integer,
    p_org_id text,
    p_deleted boolean,
    p_stored_version bigint,
    p_stored_hash bytea,
    p_stored_org_id text,
    p_stored_deleted boolean,
    p_ownership text,
    p_payload_mode text,
    p_inline_limit_bytes integer
)
RETURNS TABLE (outcome text, doc_version bigint, owner_id text, owner_changed boolean, carried boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
-- noqa: disable=RF02
SELECT
    CASE
        WHEN p_stored_version IS NULL OR p_doc_version > p_stored_version THEN 'applied'
        WHEN p_doc_version < p_stored_version THEN 'stale_version'
        -- The largest version has no next one.
        WHEN p_doc_version IS NULL THEN CASE p_stored_version WHEN 9223372036854775807 THEN 'stale_version' ELSE 'applied' END
        -- A tombstone has no hash, and keeps the owner of its document.
        WHEN (p_hash IS DISTINCT FROM p_stored_hash) THEN 'rewritten'
        WHEN NOT p_deleted AND (p_org_id IS DISTINCT FROM p_stored_org_id) THEN 'rewritten'
        ELSE 'duplicate'
    END AS outcome,
    CASE
        WHEN p_doc_version IS NOT NULL THEN p_doc_version
        WHEN p_stored_version IS NULL THEN 1
        WHEN p_stored_version < 9223372036854775807 THEN p_stored_version + 1
    END AS doc_version,
    CASE
        -- A tombstone reaches everyone who could see the document, whatever owner the caller names.
        WHEN p_deleted AND p_stored_version IS NOT NULL THEN p_stored_org_id
        -- Nobody could see what an owned topic never had, and no organisation has an empty name.
        WHEN p_deleted AND p_ownership = 'owned' THEN coalesce(p_org_id, '')
        ELSE p_org_id
    END AS owner_id,
    NOT coalesce(p_stored_deleted, TRUE) AND NOT p_deleted AND (p_org_id IS DISTINCT FROM p_stored_org_id) AS owner_changed,
    p_payload_bytes <= p_inline_limit_bytes AND p_payload_mode <> 'pointer' AS carried;
END;

COMMENT ON FUNCTION khala_internal.judge_document(bigint, bytea, integer, text, boolean, bigint, bytea, text, boolean, text, text, integer) IS
'Internal: outcome of writing a document. Arguments: its version (null: the next), hash, bytes of canonical payload, owner and tombstone flag; stored version (null: none), hash, owner and tombstone flag; the topic''s ownership, payload mode and inline limit. Result: one row: applied, rewritten, duplicate or stale_version; version and owner to write; whether it leaves an owner; whether the journal carries the payload. Errors: none.';
REVOKE ALL ON FUNCTION khala_internal.judge_document(bigint, bytea, integer, text, boolean, bigint, bytea, text, boolean, text, text, integer) FROM public;
