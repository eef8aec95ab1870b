-- Deploy khala:page to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

-- khala.create_page_link keeps this table small: 1000 rows at most, and none that has ended.
CREATE TABLE runtime.page_sessions (
    session_id text PRIMARY KEY,
    code_hash bytea UNIQUE CHECK (pg_catalog.octet_length(code_hash) = 32),
    cookie_hash bytea UNIQUE CHECK (pg_catalog.octet_length(cookie_hash) = 32),
    person text NOT NULL CHECK (pg_catalog.length(person) BETWEEN 1 AND 400),
    org_ids text[] CHECK (pg_catalog.cardinality(org_ids) BETWEEN 1 AND 100),
    first_org_id text,
    valid_for interval NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    created_by text NOT NULL DEFAULT SESSION_USER,
    signed_in_at timestamptz,
    expires_at timestamptz NOT NULL,
    CHECK ((code_hash IS NULL) <> (cookie_hash IS NULL))
);
COMMENT ON TABLE runtime.page_sessions IS 'Links to the admin page that are not used yet, and the sessions of those that were; code and cookie themselves are stored nowhere';
COMMENT ON COLUMN runtime.page_sessions.code_hash IS 'SHA-256 of the link''s code, 32 random bytes; null once it is used';
COMMENT ON COLUMN runtime.page_sessions.cookie_hash IS 'SHA-256 of the session''s cookie, 32 random bytes; null until the link is used';
COMMENT ON COLUMN runtime.page_sessions.person IS 'Subject of its tokens, as flags name it';
COMMENT ON COLUMN runtime.page_sessions.org_ids IS 'Organisations that the session is for; null: any, and the whole installation';
COMMENT ON COLUMN runtime.page_sessions.first_org_id IS 'Organisation that the page shows first, if one was named';
COMMENT ON COLUMN runtime.page_sessions.valid_for IS 'Length of the session, which begins when the link is used';

-- Statistics are perishable: unlogged tables cost no WAL, and publications do not have them.
CREATE UNLOGGED TABLE runtime.relay_reports (
    relay text PRIMARY KEY,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    reported_at timestamptz NOT NULL,
    stopped_at timestamptz,
    connections integer NOT NULL,
    subscribers jsonb NOT NULL,
    behind integer NOT NULL,
    sent_bytes bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE runtime.relay_reports IS 'Last report of each relay: of the last hour, and 1000 at most';
COMMENT ON COLUMN runtime.relay_reports.stopped_at IS 'When the relay reported that it stops; null for one that runs or was killed';
COMMENT ON COLUMN runtime.relay_reports.subscribers IS 'Subscriptions by topic';
COMMENT ON COLUMN runtime.relay_reports.behind IS 'Subscriptions that are not on the live feed';
COMMENT ON COLUMN runtime.relay_reports.sent_bytes IS 'Bytes of updates since the relay started';

CREATE UNLOGGED TABLE runtime.activity (
    at timestamptz NOT NULL,
    topic text NOT NULL,
    writes bigint,
    connections bigint,
    sent_bytes bigint NOT NULL DEFAULT 0,
    lag jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, topic)
) WITH (fillfactor = 50);
COMMENT ON TABLE runtime.activity IS 'Writes and deliveries of the last hour, in intervals of 10 seconds: of all topics together, whose name here is empty, and of the 200 topics of an interval that had most writes';
COMMENT ON COLUMN runtime.activity.writes IS 'Writes between this interval''s sample of the heads and the one before; null where there was none shortly before';
COMMENT ON COLUMN runtime.activity.connections IS 'Sockets of all live relays; of all topics together only';
COMMENT ON COLUMN runtime.activity.lag IS 'Sampled delivery lags: number by upper bound in seconds';

CREATE UNLOGGED TABLE runtime.activity_heads (
    topic text PRIMARY KEY,
    head_watermark bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE runtime.activity_heads IS 'Head of each topic when it was sampled last';

COMMIT;
