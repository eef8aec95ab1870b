-- Deploy khala:publishers to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

CREATE TABLE runtime.publishers (
    publisher text PRIMARY KEY CHECK (publisher ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    kind text NOT NULL CHECK (kind IN ('convex', 'webhook')),
    url text NOT NULL CHECK (pg_catalog.length(url) BETWEEN 8 AND 2000),
    paused boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT SESSION_USER,
    failures bigint NOT NULL DEFAULT 0,
    is_down boolean GENERATED ALWAYS AS (failures >= 8) STORED,
    lock_key bigint GENERATED ALWAYS AS (pg_catalog.hashtextextended('khala publisher ' || publisher, 0)) STORED,
    not_before timestamptz,
    last_delivery_at timestamptz,
    last_error_at timestamptz,
    last_error text
) WITH (fillfactor = 10);
COMMENT ON TABLE runtime.publishers IS 'Systems outside that receive documents: a durable subscriber each';
COMMENT ON COLUMN runtime.publishers.kind IS 'convex: upserts of the latest version; webhook: an event for each version';
COMMENT ON COLUMN runtime.publishers.failures IS 'Documents that could not be delivered since the system last responded; while it is down, one for each further try';
COMMENT ON COLUMN runtime.publishers.is_down IS 'One update at a time is tried; fewer failures may be faults of the documents themselves, and must not hold the others';
COMMENT ON COLUMN runtime.publishers.lock_key IS 'Key of the advisory lock that the worker''s session holds';
COMMENT ON COLUMN runtime.publishers.not_before IS 'While the system does not respond: time of the next try';

-- Which topics go where.
CREATE TABLE runtime.publisher_topics (
    publisher text NOT NULL REFERENCES runtime.publishers (publisher) ON DELETE CASCADE,
    topic text NOT NULL,
    target text NOT NULL CHECK (pg_catalog.length(target) BETWEEN 1 AND 200),
    delete_target text CHECK (pg_catalog.length(delete_target) BETWEEN 1 AND 200),
    epoch text,
    cursor_watermark bigint,
    snapshot_watermark bigint,
    snapshot_key text COLLATE "C",
    resyncs bigint NOT NULL DEFAULT 0,
    resync_reason text,
    resynced_at timestamptz,
    overtaken bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (publisher, topic)
) WITH (fillfactor = 10);
COMMENT ON TABLE runtime.publisher_topics IS 'Topics of each publisher: where their documents go, and how far each has been read';
COMMENT ON COLUMN runtime.publisher_topics.target IS 'convex: path of the mutation; webhook: type of the event';
COMMENT ON COLUMN runtime.publisher_topics.delete_target IS 'The same for a tombstone; null: tombstones are set aside';
COMMENT ON COLUMN runtime.publisher_topics.cursor_watermark IS 'Watermark up to which the journal is queued or needs no delivery; null until the first read';
COMMENT ON COLUMN runtime.publisher_topics.snapshot_key IS 'Key up to which the current documents are queued; null when the journal alone is followed';
COMMENT ON COLUMN runtime.publisher_topics.snapshot_watermark IS 'Head when the snapshot began: later changes come from the journal';
COMMENT ON COLUMN runtime.publisher_topics.resyncs IS 'Number of snapshots, the first one included';
COMMENT ON COLUMN runtime.publisher_topics.resync_reason IS 'Reason of the last snapshot: new, or that of a stale cursor';
COMMENT ON COLUMN runtime.publisher_topics.overtaken IS 'Journal rows that retention purged before they were queued';
COMMENT ON COLUMN runtime.publisher_topics.failed IS 'Tries that failed and were or will be repeated';
COMMENT ON COLUMN runtime.publisher_topics.refused IS 'Updates that were set aside, those retried since included';

-- A queue: rows are added and deleted all the time, so vacuum goes by number of rows instead of share.
CREATE TABLE runtime.publisher_updates (
    publisher text NOT NULL,
    topic text NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    due_at timestamptz NOT NULL,
    written_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    deleted boolean NOT NULL DEFAULT FALSE,
    state text NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    error text,
    PRIMARY KEY (publisher, topic, doc_key, watermark)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
-- One update of a document at a time.
CREATE UNIQUE INDEX publisher_updates_first ON runtime.publisher_updates (publisher, topic, doc_key)
WHERE state <> 'held';
CREATE INDEX publisher_updates_due ON runtime.publisher_updates (publisher, due_at, watermark) WHERE state = 'ready';
COMMENT ON TABLE runtime.publisher_updates IS 'Updates that a publisher has read and that are not delivered';
COMMENT ON COLUMN runtime.publisher_updates.state IS 'ready: due at due_at; claimed: being delivered, until due_at at most; held: an earlier update of the document comes first';
COMMENT ON COLUMN runtime.publisher_updates.written_at IS 'Time of the write, or of the snapshot that queued it';

CREATE TABLE runtime.publisher_set_aside (
    publisher text NOT NULL,
    topic text NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    deleted boolean NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (publisher, topic, doc_key, watermark),
    FOREIGN KEY (publisher, topic) REFERENCES runtime.publisher_topics (publisher, topic) ON DELETE CASCADE
);
COMMENT ON TABLE runtime.publisher_set_aside IS 'Updates that a system refused for good, until they are retried';

COMMIT;
