-- Deploy khala:sync_tables to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

-- No CHECK here: only functions write this table, and khala_internal.check_topic has the rules of its columns.
CREATE TABLE runtime.sync_topics (
    topic text PRIMARY KEY,
    enum_name text UNIQUE,
    read_model text NOT NULL UNIQUE,
    payload_mode text NOT NULL,
    inline_limit_bytes integer NOT NULL,
    retention_horizon interval NOT NULL,
    ownership text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    writes text NOT NULL,
    max_staged_writes integer NOT NULL,
    json_schema json,
    checked_schema jsonb
);
COMMENT ON TABLE runtime.sync_topics IS 'Catalogue of topics: one per model class';
COMMENT ON COLUMN runtime.sync_topics.enum_name IS 'Name of the proto enum value; a subscriber may use it instead of the topic';
COMMENT ON COLUMN runtime.sync_topics.read_model IS 'View in schema runtime of the topic''s documents';
COMMENT ON COLUMN runtime.sync_topics.payload_mode IS 'inline: the journal carries every payload, larger ones are refused; pointer: it carries none; auto: it carries payloads up to inline_limit_bytes';
COMMENT ON COLUMN runtime.sync_topics.inline_limit_bytes IS 'Largest canonical payload, in bytes, that the journal carries';
COMMENT ON COLUMN runtime.sync_topics.retention_horizon IS 'Age at which khala.retain may purge a journal row';
COMMENT ON COLUMN runtime.sync_topics.ownership IS 'owned: each document names its organisation; public: none may, everyone sees all; mixed: either';
COMMENT ON COLUMN runtime.sync_topics.writes IS 'direct: a writer allocates its watermark itself; grouped: it stages, and khala.sequence allocates watermarks; changed by khala.set_topic_writes';
COMMENT ON COLUMN runtime.sync_topics.max_staged_writes IS 'Limit of staged writes while the topic is grouped; further ones are refused until some are sequenced';
COMMENT ON COLUMN runtime.sync_topics.json_schema IS 'JSON Schema of the payloads, as it was given; null: none was set';
COMMENT ON COLUMN runtime.sync_topics.checked_schema IS 'json_schema, if writes are checked against it; null otherwise';
GRANT SELECT ON runtime.sync_topics TO khala_dba;

-- Tables that every sink writes have no CHECK and no foreign key: a CHECK is parsed by each statement that writes the
-- table (all of them together were a tenth of a sink), and a foreign key is checked again by a query when a
-- transaction updates a row twice. Only khala_owner can write here, and its functions check first.

-- The hot row of a topic: every writer updates it, so pages are kept nearly empty and no changing column is indexed;
-- an update is then HOT and prunes its predecessors in place. While writers queue for the row they pin its page,
-- which then fills because it cannot be pruned: now and again an update moves to another page, and a vacuum every
-- minute frees the old ones. Numbers: bench/bloat.py.
CREATE TABLE runtime.sync_topic_sequences (
    topic text PRIMARY KEY,
    head_watermark bigint NOT NULL DEFAULT 0,
    armed boolean NOT NULL DEFAULT FALSE
) WITH (
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
COMMENT ON TABLE runtime.sync_topic_sequences IS 'Last allocated watermark of each topic; writers lock it from allocation to commit, so commit order is watermark order';
COMMENT ON COLUMN runtime.sync_topic_sequences.armed IS 'A relay has caught up and sleeps: the next writer notifies and disarms';

CREATE TABLE runtime.sync_stream_events (
    topic text NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    payload_bytes integer NOT NULL,
    deleted boolean NOT NULL DEFAULT FALSE,
    owner_changed boolean NOT NULL DEFAULT FALSE,
    doc_key text COLLATE "C" NOT NULL,
    org_id text,
    previous_org_id text,
    payload_hash bytea,
    payload text,
    traceparent text,
    PRIMARY KEY (topic, watermark)
) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_scale_factor = 0.02
);
COMMENT ON TABLE runtime.sync_stream_events IS 'The journal: ordering authority, contiguous per topic between the retention floor and the head';
COMMENT ON COLUMN runtime.sync_stream_events.traceparent IS 'W3C trace context of the writer, if it set one; read by relays that trace';
COMMENT ON COLUMN runtime.sync_stream_events.payload IS 'Canonical JSON (RFC 8785); null for a tombstone and in pointer mode';
COMMENT ON COLUMN runtime.sync_stream_events.payload_hash IS 'SHA-256 of the canonical payload; null for a tombstone';
COMMENT ON COLUMN runtime.sync_stream_events.payload_bytes IS 'Length of the canonical payload in bytes, whether carried here or not';
COMMENT ON COLUMN runtime.sync_stream_events.org_id IS 'Owner organisation; null is public; empty is nobody''s: a tombstone of a document that an owned topic never had';
COMMENT ON COLUMN runtime.sync_stream_events.owner_changed IS 'With this row the document left previous_org_id: a tombstone to each subscriber that no longer sees it';
COMMENT ON COLUMN runtime.sync_stream_events.previous_org_id IS 'Owner before this row when owner_changed; null is public';

-- All read models in one table, each with a view of its own (khala.register_topic). Partitions cost a sixth of a sink
-- more, and a generic plan locks every one of them. The fill factor leaves room for HOT updates of documents that
-- change often.
CREATE TABLE runtime.sync_documents (
    topic text NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    doc_version bigint NOT NULL,
    watermark bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    payload_bytes integer NOT NULL,
    deleted boolean NOT NULL DEFAULT FALSE,
    org_id text,
    payload_hash bytea,
    payload jsonb,
    PRIMARY KEY (topic, doc_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
-- Tombstones are kept for ever: a snapshot must not read them.
CREATE INDEX sync_documents_owner ON runtime.sync_documents (topic, org_id, doc_key) WHERE NOT deleted;
-- For administrators; only a deletion pays for it.
CREATE INDEX sync_documents_gone ON runtime.sync_documents (topic, org_id, doc_key) WHERE deleted;
COMMENT ON TABLE runtime.sync_documents IS 'The documents of all topics: payload authority';
COMMENT ON COLUMN runtime.sync_documents.watermark IS 'Watermark of the last change';
COMMENT ON COLUMN runtime.sync_documents.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';
COMMENT ON COLUMN runtime.sync_documents.org_id IS 'Owner organisation; null is public; empty is nobody''s: a tombstone of a document that an owned topic never had';

-- Writers of a grouped topic only read its row here; only its sequencer updates it.
CREATE TABLE runtime.sync_topic_staging (
    topic text PRIMARY KEY REFERENCES runtime.sync_topics (topic),
    positions regclass NOT NULL,
    armed boolean NOT NULL DEFAULT FALSE,
    settled bigint NOT NULL DEFAULT 0,
    taken bigint NOT NULL DEFAULT 0,
    next_settled bigint,
    next_taken bigint NOT NULL DEFAULT 0,
    next_transaction xid8
) WITH (
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
COMMENT ON TABLE runtime.sync_topic_staging IS 'Topics whose writes are grouped, and the progress of sequencing';
COMMENT ON COLUMN runtime.sync_topic_staging.positions IS 'Sequence that gives staged writes their order; a copy may leave it behind the rows, so every writer compares';
COMMENT ON COLUMN runtime.sync_topic_staging.armed IS 'Nothing is staged and the sequencer sleeps: writers notify until the flag is cleared';
COMMENT ON COLUMN runtime.sync_topic_staging.settled IS 'Position up to which nothing is staged and nothing can become visible any more';
COMMENT ON COLUMN runtime.sync_topic_staging.taken IS 'Number of sequenced writes above settled';
COMMENT ON COLUMN runtime.sync_topic_staging.next_settled IS 'Next value of settled, once no transaction is left that is older than next_transaction';
COMMENT ON COLUMN runtime.sync_topic_staging.next_taken IS 'Number of sequenced writes above next_settled';

-- A queue: rows are added at one end and deleted at the other, so vacuum goes by number of rows instead of share, and
-- without pauses. Numbers: bench/NOTEBOOK.md.
CREATE TABLE runtime.sync_staged_writes (
    topic text NOT NULL,
    position bigint NOT NULL,
    doc_version bigint,
    staged_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    deleted boolean NOT NULL,
    doc_key text COLLATE "C" NOT NULL,
    org_id text,
    traceparent text,
    payload_hash bytea,
    canonical text,
    payload jsonb,
    PRIMARY KEY (topic, position)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
COMMENT ON TABLE runtime.sync_staged_writes IS 'Checked writes to grouped topics that wait to be sequenced';
COMMENT ON COLUMN runtime.sync_staged_writes.position IS 'Order of staging within the topic; may have gaps';
COMMENT ON COLUMN runtime.sync_staged_writes.canonical IS 'Canonical JSON (RFC 8785) of the payload; null for a tombstone';

-- No foreign key: the row of a removed topic stays, and its floor is above every cursor of that topic, which would
-- otherwise be taken for one of the next topic with this name.
CREATE TABLE runtime.sync_topic_retention (
    topic text PRIMARY KEY,
    retention_floor bigint NOT NULL DEFAULT 1 CHECK (retention_floor > 0),
    last_purge_at timestamptz,
    purges bigint NOT NULL DEFAULT 0,
    purged_events bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE runtime.sync_topic_retention IS 'Retention floor (oldest retained watermark) of each topic, also of removed ones, and totals of its purges';

CREATE TABLE runtime.sync_epochs (
    epoch_number bigint PRIMARY KEY,
    epoch text NOT NULL UNIQUE,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    reason text NOT NULL,
    fingerprint text NOT NULL
);
COMMENT ON TABLE runtime.sync_epochs IS 'Epochs of the watermarks; the newest is current';
COMMENT ON COLUMN runtime.sync_epochs.fingerprint IS 'Server, timeline, database and table in which the epoch began; any other fingerprint belongs to a restored or promoted copy';

-- Counters of all topics together: with one sequence per topic, a scrape would lock each. Unlogged, so the commit of
-- a sink that writes nothing waits for nothing.
CREATE UNLOGGED SEQUENCE runtime.sync_sinks_rewritten; -- noqa: PRS
COMMENT ON SEQUENCE runtime.sync_sinks_rewritten IS 'Counts sinks of a stored version with other content';
CREATE UNLOGGED SEQUENCE runtime.sync_sinks_duplicate;
COMMENT ON SEQUENCE runtime.sync_sinks_duplicate IS 'Counts sinks of a stored version with the same content';
CREATE UNLOGGED SEQUENCE runtime.sync_sinks_stale_version;
COMMENT ON SEQUENCE runtime.sync_sinks_stale_version IS 'Counts sinks of a version below the stored one';

COMMIT;
