-- Deploy khala:access to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

CREATE TABLE runtime.sync_revocations (
    kind text NOT NULL CHECK (kind IN ('jti', 'sub', 'org')),
    value text NOT NULL CHECK (pg_catalog.length(value) BETWEEN 1 AND 1024),
    revocation_number bigint NOT NULL UNIQUE,
    issued_until timestamptz NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    forget_at timestamptz NOT NULL,
    revoked_by text NOT NULL DEFAULT SESSION_USER,
    reason text,
    PRIMARY KEY (kind, value)
);
COMMENT ON TABLE runtime.sync_revocations IS 'Revoked tokens: by token, subject or organisation';
COMMENT ON COLUMN runtime.sync_revocations.kind IS 'Claim that identifies the tokens: jti, sub, or org for oa_org_id';
COMMENT ON COLUMN runtime.sync_revocations.revocation_number IS 'Grows with every change, in commit order: a relay reads the numbers above the last one it knows';
COMMENT ON COLUMN runtime.sync_revocations.issued_until IS 'Tokens issued up to this time are revoked; -infinity cancels the revocation';
COMMENT ON COLUMN runtime.sync_revocations.forget_at IS 'The row is no longer needed then: no token is valid longer than 32 days';
GRANT SELECT ON runtime.sync_revocations TO khala_dba;

CREATE TABLE runtime.api_keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[0-9a-z]{8,32}$'),
    secret_hash bytea NOT NULL CHECK (pg_catalog.octet_length(secret_hash) = 32),
    label text NOT NULL CHECK (pg_catalog.length(label) BETWEEN 1 AND 200),
    subject text CHECK (pg_catalog.length(subject) BETWEEN 1 AND 400),
    org_id text,
    scopes text[] NOT NULL CHECK (pg_catalog.cardinality(scopes) BETWEEN 1 AND 1000),
    tokens_per_minute integer NOT NULL CHECK (tokens_per_minute BETWEEN 1 AND 1000000),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    created_by text NOT NULL DEFAULT SESSION_USER,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON TABLE runtime.api_keys IS 'Keys that are exchanged for tokens; the secret itself is stored nowhere';
COMMENT ON COLUMN runtime.api_keys.secret_hash IS 'SHA-256 of the secret, which is 32 random bytes: it cannot be guessed, so it needs no salt and no stretching';
COMMENT ON COLUMN runtime.api_keys.subject IS 'Subject of its tokens; null: whoever has the key names it';
COMMENT ON COLUMN runtime.api_keys.org_id IS 'Organisation of its tokens; null: whoever has the key names it';
COMMENT ON COLUMN runtime.api_keys.tokens_per_minute IS 'Tokens that a relay issues for it in a minute';
COMMENT ON COLUMN runtime.api_keys.scopes IS 'Topics that its tokens may name';
COMMENT ON COLUMN runtime.api_keys.last_used_at IS 'Time of the last token made with it, accurate to the hour';

COMMIT;
