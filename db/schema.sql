-- Written by `make schema`: what the migrations make, as PostgreSQL 18's pg_dump prints it,
-- without functions and views, which stand in functions/ and views/ with their grants.

CREATE SCHEMA khala;

ALTER SCHEMA khala OWNER TO khala_owner;

COMMENT ON SCHEMA khala IS 'Khala Sync: the SQL API: functions and views, each granted to a role';

CREATE SCHEMA khala_internal;

ALTER SCHEMA khala_internal OWNER TO khala_owner;

COMMENT ON SCHEMA khala_internal IS 'Khala Sync: internal functions of the API, granted to no role';

CREATE SCHEMA lightning;

ALTER SCHEMA lightning OWNER TO khala_owner;

COMMENT ON SCHEMA lightning IS 'Lightning control plane: tables granted to nobody, and functions granted to lightning_ops and lightning_owner_api';

CREATE SCHEMA runtime;

ALTER SCHEMA runtime OWNER TO khala_owner;

COMMENT ON SCHEMA runtime IS 'Khala Sync: tables (topics, journal, read models) and the runtime''s own event history';

CREATE DOMAIN lightning.identifier AS text
	CONSTRAINT identifier_check CHECK (((length(VALUE) >= 1) AND (length(VALUE) <= 200)));

ALTER DOMAIN lightning.identifier OWNER TO khala_owner;

COMMENT ON DOMAIN lightning.identifier IS 'Identifier of an entity or an owner';

CREATE DOMAIN lightning.milliseconds AS bigint
	CONSTRAINT milliseconds_check CHECK (((VALUE >= 0) AND (VALUE <= '253402300799999'::bigint)));

ALTER DOMAIN lightning.milliseconds OWNER TO khala_owner;

COMMENT ON DOMAIN lightning.milliseconds IS 'Time in milliseconds since 1970, up to the year 9999';

CREATE DOMAIN lightning.msats AS bigint
	CONSTRAINT msats_check CHECK (((VALUE >= 0) AND (VALUE <= '9007199254740991'::bigint)));

ALTER DOMAIN lightning.msats OWNER TO khala_owner;

COMMENT ON DOMAIN lightning.msats IS 'Amount in millisatoshi that a JSON number holds exactly';

CREATE DOMAIN lightning.sha256_hex AS text
	CONSTRAINT sha256_hex_check CHECK ((VALUE ~ '^[0-9a-f]{64}$'::text));

ALTER DOMAIN lightning.sha256_hex OWNER TO khala_owner;

COMMENT ON DOMAIN lightning.sha256_hex IS 'SHA-256 in lower-case hexadecimal';

CREATE TABLE runtime.attachments (
    topic text NOT NULL,
    relation regclass NOT NULL,
    key_columns text[] NOT NULL,
    org_column text,
    columns text[],
    recorded jsonb NOT NULL,
    partitions regclass[] NOT NULL,
    key_sql text NOT NULL,
    attached_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    attached_by text DEFAULT SESSION_USER NOT NULL,
    is_backfilled boolean DEFAULT false NOT NULL,
    backfill_after text COLLATE pg_catalog."C",
    backfilled_rows bigint DEFAULT 0 NOT NULL,
    sweep_after text COLLATE pg_catalog."C",
    is_trusted boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE runtime.attachments OWNER TO khala_owner;

COMMENT ON TABLE runtime.attachments IS 'Tables whose rows are the documents of a topic';

COMMENT ON COLUMN runtime.attachments.key_columns IS 'Columns that make the document key, in its order, by their names when the table was attached';

COMMENT ON COLUMN runtime.attachments.org_column IS 'Column that names the organisation; null: documents have none';

COMMENT ON COLUMN runtime.attachments.columns IS 'Columns that documents have; null: all, those added later included';

COMMENT ON COLUMN runtime.attachments.recorded IS 'All columns when the table was attached: name, number, type';

COMMENT ON COLUMN runtime.attachments.partitions IS 'Partitions with triggers for statements that name them';

COMMENT ON COLUMN runtime.attachments.key_sql IS 'Expression of the document key, for a row with the alias x';

COMMENT ON COLUMN runtime.attachments.backfill_after IS 'Key up to which the existing rows were read; null: none';

COMMENT ON COLUMN runtime.attachments.backfilled_rows IS 'Number of existing rows that were read';

COMMENT ON COLUMN runtime.attachments.sweep_after IS 'Key up to which documents without a row were removed; empty: from the beginning; null: nothing is to be removed';

COMMENT ON COLUMN runtime.attachments.is_trusted IS 'Whether reading the table may run code of its owner with the rights of khala_owner';

CREATE TABLE runtime.sync_topics (
    topic text NOT NULL,
    enum_name text,
    read_model text NOT NULL,
    payload_mode text NOT NULL,
    inline_limit_bytes integer NOT NULL,
    retention_horizon interval NOT NULL,
    ownership text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    writes text NOT NULL,
    max_staged_writes integer NOT NULL,
    json_schema json,
    checked_schema jsonb
);

ALTER TABLE runtime.sync_topics OWNER TO khala_owner;

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

CREATE TABLE runtime.sync_stream_events (
    topic text NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    inserted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload_bytes integer NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    owner_changed boolean DEFAULT false NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    org_id text,
    previous_org_id text,
    payload_hash bytea,
    payload text,
    traceparent text DEFAULT khala_internal.traceparent()
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05', autovacuum_vacuum_scale_factor='0.02');

ALTER TABLE runtime.sync_stream_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_stream_events IS 'The journal: ordering authority, contiguous per topic between the retention floor and the head';

COMMENT ON COLUMN runtime.sync_stream_events.payload_bytes IS 'Length of the canonical payload in bytes, whether carried here or not';

COMMENT ON COLUMN runtime.sync_stream_events.owner_changed IS 'With this row the document left previous_org_id: a tombstone to each subscriber that no longer sees it';

COMMENT ON COLUMN runtime.sync_stream_events.org_id IS 'Owner organisation; null is public; empty is nobody''s: a tombstone of a document that an owned topic never had';

COMMENT ON COLUMN runtime.sync_stream_events.previous_org_id IS 'Owner before this row when owner_changed; null is public';

COMMENT ON COLUMN runtime.sync_stream_events.payload_hash IS 'SHA-256 of the canonical payload; null for a tombstone';

COMMENT ON COLUMN runtime.sync_stream_events.payload IS 'Canonical JSON (RFC 8785); null for a tombstone and in pointer mode';

COMMENT ON COLUMN runtime.sync_stream_events.traceparent IS 'W3C trace context of the writer, if it set one; read by relays that trace';

CREATE TABLE lightning.security_global (
    state_id text NOT NULL,
    operators_org_id lightning.identifier NOT NULL,
    global_pause boolean NOT NULL,
    deny_reason_code text,
    deny_reason text,
    updated_by text,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT security_global_check CHECK (((global_pause = (deny_reason_code IS NOT NULL)) AND (global_pause = (deny_reason IS NOT NULL)))),
    CONSTRAINT security_global_deny_reason_code_check CHECK ((deny_reason_code = 'global_pause_active'::text)),
    CONSTRAINT security_global_state_id_check CHECK ((state_id = 'global'::text))
);

ALTER TABLE lightning.security_global OWNER TO khala_owner;

COMMENT ON TABLE lightning.security_global IS 'The pause of the gateway as a whole: one row';

COMMENT ON COLUMN lightning.security_global.operators_org_id IS 'Organisation that owns the documents of what belongs to no owner';

CREATE TABLE lightning.paywalls (
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    name text NOT NULL,
    description text,
    status text NOT NULL,
    request_id text,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT paywalls_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT paywalls_status_check CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'archived'::text])))
);

ALTER TABLE lightning.paywalls OWNER TO khala_owner;

COMMENT ON TABLE lightning.paywalls IS 'What owners sell through the gateway; owner_id is the organisation of their documents';

CREATE TABLE lightning.policies (
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    pricing_mode text NOT NULL,
    fixed_amount_msats lightning.msats NOT NULL,
    max_per_request_msats lightning.msats,
    allowed_hosts text[],
    blocked_hosts text[],
    quota_per_minute integer,
    quota_per_day integer,
    kill_switch boolean DEFAULT false NOT NULL,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT policies_max_per_request_msats_check CHECK (((max_per_request_msats)::bigint > 0)),
    CONSTRAINT policies_pricing_mode_check CHECK ((pricing_mode = 'fixed'::text)),
    CONSTRAINT policies_quota_per_day_check CHECK ((quota_per_day > 0)),
    CONSTRAINT policies_quota_per_minute_check CHECK ((quota_per_minute > 0))
);

ALTER TABLE lightning.policies OWNER TO khala_owner;

COMMENT ON TABLE lightning.policies IS 'Price and limits of each paywall';

CREATE TABLE lightning.routes (
    route_id lightning.identifier NOT NULL,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    host_pattern text NOT NULL,
    path_pattern text NOT NULL,
    upstream_url text NOT NULL,
    protocol text NOT NULL,
    timeout_ms integer NOT NULL,
    priority integer NOT NULL,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT routes_host_pattern_check CHECK (((length(host_pattern) >= 1) AND (length(host_pattern) <= 300))),
    CONSTRAINT routes_path_pattern_check CHECK (((length(path_pattern) >= 1) AND (length(path_pattern) <= 2000))),
    CONSTRAINT routes_priority_check CHECK ((priority >= 0)),
    CONSTRAINT routes_protocol_check CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT routes_timeout_ms_check CHECK ((timeout_ms >= 0)),
    CONSTRAINT routes_upstream_url_check CHECK (((length(upstream_url) >= 1) AND (length(upstream_url) <= 2000)))
);

ALTER TABLE lightning.routes OWNER TO khala_owner;

COMMENT ON TABLE lightning.routes IS 'Requests that each paywall sells';

CREATE UNLOGGED TABLE runtime.relay_reports (
    relay text NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    reported_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    connections integer NOT NULL,
    subscribers jsonb NOT NULL,
    behind integer NOT NULL,
    sent_bytes bigint NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE runtime.relay_reports OWNER TO khala_owner;

COMMENT ON TABLE runtime.relay_reports IS 'Last report of each relay: of the last hour, and 1000 at most';

COMMENT ON COLUMN runtime.relay_reports.stopped_at IS 'When the relay reported that it stops; null for one that runs or was killed';

COMMENT ON COLUMN runtime.relay_reports.subscribers IS 'Subscriptions by topic';

COMMENT ON COLUMN runtime.relay_reports.behind IS 'Subscriptions that are not on the live feed';

COMMENT ON COLUMN runtime.relay_reports.sent_bytes IS 'Bytes of updates since the relay started';

CREATE TABLE runtime.sync_documents (
    topic text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    doc_version bigint NOT NULL,
    watermark bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload_bytes integer NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    org_id text,
    payload_hash bytea,
    payload jsonb
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE runtime.sync_documents OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_documents IS 'The documents of all topics: payload authority';

COMMENT ON COLUMN runtime.sync_documents.watermark IS 'Watermark of the last change';

COMMENT ON COLUMN runtime.sync_documents.deleted IS 'Tombstone: kept so that an older version cannot bring the document back';

COMMENT ON COLUMN runtime.sync_documents.org_id IS 'Owner organisation; null is public; empty is nobody''s: a tombstone of a document that an owned topic never had';

CREATE TABLE runtime.publishers (
    publisher text NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_by text DEFAULT SESSION_USER NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    is_down boolean GENERATED ALWAYS AS ((failures >= 8)) STORED,
    lock_key bigint GENERATED ALWAYS AS (hashtextextended(('khala publisher '::text || publisher), (0)::bigint)) STORED,
    not_before timestamp with time zone,
    last_delivery_at timestamp with time zone,
    last_error_at timestamp with time zone,
    last_error text,
    CONSTRAINT publishers_kind_check CHECK ((kind = ANY (ARRAY['convex'::text, 'webhook'::text]))),
    CONSTRAINT publishers_publisher_check CHECK ((publisher ~ '^[a-z][a-z0-9_.-]{0,63}$'::text)),
    CONSTRAINT publishers_url_check CHECK (((length(url) >= 8) AND (length(url) <= 2000)))
)
WITH (fillfactor='10');

ALTER TABLE runtime.publishers OWNER TO khala_owner;

COMMENT ON TABLE runtime.publishers IS 'Systems outside that receive documents: a durable subscriber each';

COMMENT ON COLUMN runtime.publishers.kind IS 'convex: upserts of the latest version; webhook: an event for each version';

COMMENT ON COLUMN runtime.publishers.failures IS 'Documents that could not be delivered since the system last responded; while it is down, one for each further try';

COMMENT ON COLUMN runtime.publishers.is_down IS 'One update at a time is tried; fewer failures may be faults of the documents themselves, and must not hold the others';

COMMENT ON COLUMN runtime.publishers.lock_key IS 'Key of the advisory lock that the worker''s session holds';

COMMENT ON COLUMN runtime.publishers.not_before IS 'While the system does not respond: time of the next try';

CREATE TABLE runtime.attachment_set_aside (
    topic text NOT NULL,
    row_key text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    times bigint DEFAULT 1 NOT NULL,
    first_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE runtime.attachment_set_aside OWNER TO khala_owner;

COMMENT ON TABLE runtime.attachment_set_aside IS 'Rows of attached tables that cannot be documents';

COMMENT ON COLUMN runtime.attachment_set_aside.row_key IS 'First 600 characters of the key';

COMMENT ON COLUMN runtime.attachment_set_aside.times IS 'Number of times the row was read and refused';

CREATE TABLE runtime.parity_document_totals (
    topic text NOT NULL,
    reason text NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE runtime.parity_document_totals OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_document_totals IS 'Number of verdicts that ever were, by topic and reason';

CREATE TABLE runtime.projection_checkpoints (
    projection text NOT NULL,
    entity_id text NOT NULL,
    last_seq bigint NOT NULL,
    drift_count bigint DEFAULT 0 NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    projection_version integer NOT NULL,
    summary_hash bytea NOT NULL,
    heartbeat_s numeric,
    CONSTRAINT projection_checkpoints_drift_count_check CHECK ((drift_count >= 0)),
    CONSTRAINT projection_checkpoints_heartbeat_s_check CHECK ((heartbeat_s >= (0)::numeric)),
    CONSTRAINT projection_checkpoints_last_seq_check CHECK ((last_seq > 0)),
    CONSTRAINT projection_checkpoints_projection_version_check CHECK ((projection_version > 0)),
    CONSTRAINT projection_checkpoints_summary_hash_check CHECK ((octet_length(summary_hash) = 32)),
    CONSTRAINT projection_checkpoints_version_offset_check CHECK ((version_offset >= 0))
)
WITH (fillfactor='50');

ALTER TABLE runtime.projection_checkpoints OWNER TO khala_owner;

COMMENT ON TABLE runtime.projection_checkpoints IS 'Last write of each projection for each entity; makes a repeated projection a no-op';

COMMENT ON COLUMN runtime.projection_checkpoints.last_seq IS 'Last event of the entity that the summary includes';

COMMENT ON COLUMN runtime.projection_checkpoints.drift_count IS 'Number of times that the same history gave another summary under the same projection version';

COMMENT ON COLUMN runtime.projection_checkpoints.version_offset IS 'Difference between the document''s version and its sequence number: above 0 when history was lost and the summary rebuilt';

COMMENT ON COLUMN runtime.projection_checkpoints.summary_hash IS 'SHA-256 of the canonical summary without projected_at';

COMMENT ON COLUMN runtime.projection_checkpoints.heartbeat_s IS 'Of a run at work: most seconds between two events, as its writer announced (0: it sends heartbeats unannounced). Of a worker whose heartbeat is fresh: seconds after which it is stale. Null when no heartbeat is expected';

CREATE TABLE runtime.publisher_set_aside (
    publisher text NOT NULL,
    topic text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    deleted boolean NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    set_aside_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE runtime.publisher_set_aside OWNER TO khala_owner;

COMMENT ON TABLE runtime.publisher_set_aside IS 'Updates that a system refused for good, until they are retried';

CREATE TABLE runtime.publisher_topics (
    publisher text NOT NULL,
    topic text NOT NULL,
    target text NOT NULL,
    delete_target text,
    epoch text,
    cursor_watermark bigint,
    snapshot_watermark bigint,
    snapshot_key text COLLATE pg_catalog."C",
    resyncs bigint DEFAULT 0 NOT NULL,
    resync_reason text,
    resynced_at timestamp with time zone,
    overtaken bigint DEFAULT 0 NOT NULL,
    delivered bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    refused bigint DEFAULT 0 NOT NULL,
    CONSTRAINT publisher_topics_delete_target_check CHECK (((length(delete_target) >= 1) AND (length(delete_target) <= 200))),
    CONSTRAINT publisher_topics_target_check CHECK (((length(target) >= 1) AND (length(target) <= 200)))
)
WITH (fillfactor='10');

ALTER TABLE runtime.publisher_topics OWNER TO khala_owner;

COMMENT ON TABLE runtime.publisher_topics IS 'Topics of each publisher: where their documents go, and how far each has been read';

COMMENT ON COLUMN runtime.publisher_topics.target IS 'convex: path of the mutation; webhook: type of the event';

COMMENT ON COLUMN runtime.publisher_topics.delete_target IS 'The same for a tombstone; null: tombstones are set aside';

COMMENT ON COLUMN runtime.publisher_topics.cursor_watermark IS 'Watermark up to which the journal is queued or needs no delivery; null until the first read';

COMMENT ON COLUMN runtime.publisher_topics.snapshot_watermark IS 'Head when the snapshot began: later changes come from the journal';

COMMENT ON COLUMN runtime.publisher_topics.snapshot_key IS 'Key up to which the current documents are queued; null when the journal alone is followed';

COMMENT ON COLUMN runtime.publisher_topics.resyncs IS 'Number of snapshots, the first one included';

COMMENT ON COLUMN runtime.publisher_topics.resync_reason IS 'Reason of the last snapshot: new, or that of a stale cursor';

COMMENT ON COLUMN runtime.publisher_topics.overtaken IS 'Journal rows that retention purged before they were queued';

COMMENT ON COLUMN runtime.publisher_topics.failed IS 'Tries that failed and were or will be repeated';

COMMENT ON COLUMN runtime.publisher_topics.refused IS 'Updates that were set aside, those retried since included';

CREATE TABLE runtime.publisher_updates (
    publisher text NOT NULL,
    topic text NOT NULL,
    watermark bigint NOT NULL,
    doc_version bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    written_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    state text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    error text
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');

ALTER TABLE runtime.publisher_updates OWNER TO khala_owner;

COMMENT ON TABLE runtime.publisher_updates IS 'Updates that a publisher has read and that are not delivered';

COMMENT ON COLUMN runtime.publisher_updates.written_at IS 'Time of the write, or of the snapshot that queued it';

COMMENT ON COLUMN runtime.publisher_updates.state IS 'ready: due at due_at; claimed: being delivered, until due_at at most; held: an earlier update of the document comes first';

CREATE TABLE runtime.sync_topic_retention (
    topic text NOT NULL,
    retention_floor bigint DEFAULT 1 NOT NULL,
    last_purge_at timestamp with time zone,
    purges bigint DEFAULT 0 NOT NULL,
    purged_events bigint DEFAULT 0 NOT NULL,
    CONSTRAINT sync_topic_retention_retention_floor_check CHECK ((retention_floor > 0))
);

ALTER TABLE runtime.sync_topic_retention OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topic_retention IS 'Retention floor (oldest retained watermark) of each topic, also of removed ones, and totals of its purges';

CREATE TABLE runtime.sync_topic_sequences (
    topic text NOT NULL,
    head_watermark bigint DEFAULT 0 NOT NULL,
    armed boolean DEFAULT false NOT NULL
)
WITH (fillfactor='10', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');

ALTER TABLE runtime.sync_topic_sequences OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topic_sequences IS 'Last allocated watermark of each topic; writers lock it from allocation to commit, so commit order is watermark order';

COMMENT ON COLUMN runtime.sync_topic_sequences.armed IS 'A relay has caught up and sleeps: the next writer notifies and disarms';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_duplicate
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_duplicate OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_duplicate IS 'Counts sinks of a stored version with the same content';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_rewritten
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_rewritten OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_rewritten IS 'Counts sinks of a stored version with other content';

CREATE UNLOGGED SEQUENCE runtime.sync_sinks_stale_version
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE runtime.sync_sinks_stale_version OWNER TO khala_owner;

COMMENT ON SEQUENCE runtime.sync_sinks_stale_version IS 'Counts sinks of a version below the stored one';

CREATE TABLE runtime.sync_staged_writes (
    topic text NOT NULL,
    "position" bigint NOT NULL,
    doc_version bigint,
    staged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted boolean NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    org_id text,
    traceparent text,
    payload_hash bytea,
    canonical text,
    payload jsonb
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');

ALTER TABLE runtime.sync_staged_writes OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_staged_writes IS 'Checked writes to grouped topics that wait to be sequenced';

COMMENT ON COLUMN runtime.sync_staged_writes."position" IS 'Order of staging within the topic; may have gaps';

COMMENT ON COLUMN runtime.sync_staged_writes.canonical IS 'Canonical JSON (RFC 8785) of the payload; null for a tombstone';

CREATE TABLE runtime.sync_topic_staging (
    topic text NOT NULL,
    positions regclass NOT NULL,
    armed boolean DEFAULT false NOT NULL,
    settled bigint DEFAULT 0 NOT NULL,
    taken bigint DEFAULT 0 NOT NULL,
    next_settled bigint,
    next_taken bigint DEFAULT 0 NOT NULL,
    next_transaction xid8
)
WITH (fillfactor='10', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');

ALTER TABLE runtime.sync_topic_staging OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_topic_staging IS 'Topics whose writes are grouped, and the progress of sequencing';

COMMENT ON COLUMN runtime.sync_topic_staging.positions IS 'Sequence that gives staged writes their order; a copy may leave it behind the rows, so every writer compares';

COMMENT ON COLUMN runtime.sync_topic_staging.armed IS 'Nothing is staged and the sequencer sleeps: writers notify until the flag is cleared';

COMMENT ON COLUMN runtime.sync_topic_staging.settled IS 'Position up to which nothing is staged and nothing can become visible any more';

COMMENT ON COLUMN runtime.sync_topic_staging.taken IS 'Number of sequenced writes above settled';

COMMENT ON COLUMN runtime.sync_topic_staging.next_settled IS 'Next value of settled, once no transaction is left that is older than next_transaction';

COMMENT ON COLUMN runtime.sync_topic_staging.next_taken IS 'Number of sequenced writes above next_settled';

CREATE TABLE lightning.credential_roles (
    role text NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    fingerprint text,
    note text,
    updated_at_ms lightning.milliseconds NOT NULL,
    last_rotated_at_ms lightning.milliseconds,
    revoked_at_ms lightning.milliseconds,
    CONSTRAINT credential_roles_check CHECK (((status = 'revoked'::text) = (revoked_at_ms IS NOT NULL))),
    CONSTRAINT credential_roles_check1 CHECK (((status <> 'revoked'::text) OR ((fingerprint IS NULL) AND (last_rotated_at_ms IS NULL)))),
    CONSTRAINT credential_roles_check2 CHECK (((status <> 'rotating'::text) OR (last_rotated_at_ms IS NOT NULL))),
    CONSTRAINT credential_roles_role_check CHECK ((role = ANY (ARRAY['gateway_invoice'::text, 'settlement_read'::text, 'operator_admin'::text]))),
    CONSTRAINT credential_roles_status_check CHECK ((status = ANY (ARRAY['active'::text, 'rotating'::text, 'revoked'::text]))),
    CONSTRAINT credential_roles_version_check CHECK ((version >= 1))
);

ALTER TABLE lightning.credential_roles OWNER TO khala_owner;

COMMENT ON TABLE lightning.credential_roles IS 'State of the credential of each role, never its value';

CREATE TABLE lightning.deployments (
    deployment_id lightning.identifier NOT NULL,
    paywall_id lightning.identifier,
    owner_id lightning.identifier,
    config_hash text NOT NULL,
    image_digest text,
    status text NOT NULL,
    diagnostics jsonb,
    metadata jsonb,
    request_id text,
    applied_at_ms lightning.milliseconds,
    rolled_back_from text,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT deployments_check CHECK (((status <> 'applied'::text) OR (applied_at_ms IS NOT NULL))),
    CONSTRAINT deployments_check1 CHECK (((paywall_id IS NULL) OR (owner_id IS NOT NULL))),
    CONSTRAINT deployments_config_hash_check CHECK (((length(config_hash) >= 1) AND (length(config_hash) <= 200))),
    CONSTRAINT deployments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'applied'::text, 'failed'::text, 'rolled_back'::text])))
);

ALTER TABLE lightning.deployments OWNER TO khala_owner;

COMMENT ON TABLE lightning.deployments IS 'Configurations of the gateway that were compiled, and what became of each';

CREATE TABLE lightning.gateway_events (
    event_id lightning.identifier NOT NULL,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    deployment_id lightning.identifier,
    event_type text NOT NULL,
    level text NOT NULL,
    request_id text,
    config_hash text,
    execution_path text NOT NULL,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT gateway_events_event_type_check CHECK (((length(event_type) >= 1) AND (length(event_type) <= 200))),
    CONSTRAINT gateway_events_level_check CHECK ((level = ANY (ARRAY['info'::text, 'warn'::text, 'error'::text])))
);

ALTER TABLE lightning.gateway_events OWNER TO khala_owner;

COMMENT ON TABLE lightning.gateway_events IS 'Steps of deployments and of the gateway''s work, append-only';

CREATE TABLE lightning.idempotency_keys (
    owner_id lightning.identifier NOT NULL,
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL,
    response jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT idempotency_keys_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255))),
    CONSTRAINT idempotency_keys_request_hash_check CHECK ((octet_length(request_hash) = 32))
);

ALTER TABLE lightning.idempotency_keys OWNER TO khala_owner;

COMMENT ON TABLE lightning.idempotency_keys IS 'Responses of owners'' writes, for a day, so that a repeated request has one effect';

CREATE TABLE lightning.invoices (
    invoice_id lightning.identifier NOT NULL,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    amount_msats lightning.msats NOT NULL,
    status text NOT NULL,
    payment_hash lightning.sha256_hex,
    payment_request text,
    payment_proof_ref text,
    request_id text,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    settled_at_ms lightning.milliseconds,
    CONSTRAINT invoices_amount_msats_check CHECK (((amount_msats)::bigint > 0)),
    CONSTRAINT invoices_check CHECK (((status = 'settled'::text) = (settled_at_ms IS NOT NULL))),
    CONSTRAINT invoices_status_check CHECK ((status = ANY (ARRAY['open'::text, 'settled'::text, 'canceled'::text, 'expired'::text])))
)
WITH (fillfactor='50');

ALTER TABLE lightning.invoices OWNER TO khala_owner;

COMMENT ON TABLE lightning.invoices IS 'Requests for payments';

CREATE TABLE lightning.owner_security_controls (
    owner_id lightning.identifier NOT NULL,
    kill_switch boolean NOT NULL,
    deny_reason_code text,
    deny_reason text,
    updated_by text,
    updated_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT owner_security_controls_check CHECK (((kill_switch = (deny_reason_code IS NOT NULL)) AND (kill_switch = (deny_reason IS NOT NULL)))),
    CONSTRAINT owner_security_controls_deny_reason_code_check CHECK ((deny_reason_code = 'owner_kill_switch_active'::text))
);

ALTER TABLE lightning.owner_security_controls OWNER TO khala_owner;

COMMENT ON TABLE lightning.owner_security_controls IS 'Switches that stop all paywalls of an owner';

CREATE TABLE lightning.settlements (
    settlement_id lightning.identifier NOT NULL,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    invoice_id lightning.identifier,
    amount_msats lightning.msats NOT NULL,
    payment_hash lightning.sha256_hex NOT NULL,
    payment_proof_ref text NOT NULL,
    request_id text,
    task_id text,
    route_id text,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    CONSTRAINT settlements_amount_msats_check CHECK (((amount_msats)::bigint > 0)),
    CONSTRAINT settlements_payment_proof_ref_check CHECK ((payment_proof_ref ~ '^lightning_preimage:[0-9a-f]{24}$'::text))
);

ALTER TABLE lightning.settlements OWNER TO khala_owner;

COMMENT ON TABLE lightning.settlements IS 'Payments received, each with a reference to its proof; an invoice and a payment hash are settled once';

COMMENT ON COLUMN lightning.settlements.payment_hash IS 'SHA-256 of the preimage, which itself is not stored';

CREATE UNLOGGED TABLE runtime.activity (
    at timestamp with time zone NOT NULL,
    topic text NOT NULL,
    writes bigint,
    connections bigint,
    sent_bytes bigint DEFAULT 0 NOT NULL,
    lag jsonb DEFAULT '{}'::jsonb NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE runtime.activity OWNER TO khala_owner;

COMMENT ON TABLE runtime.activity IS 'Writes and deliveries of the last hour, in intervals of 10 seconds: of all topics together, whose name here is empty, and of the 200 topics of an interval that had most writes';

COMMENT ON COLUMN runtime.activity.writes IS 'Writes between this interval''s sample of the heads and the one before; null where there was none shortly before';

COMMENT ON COLUMN runtime.activity.connections IS 'Sockets of all live relays; of all topics together only';

COMMENT ON COLUMN runtime.activity.lag IS 'Sampled delivery lags: number by upper bound in seconds';

CREATE UNLOGGED TABLE runtime.activity_heads (
    topic text NOT NULL,
    head_watermark bigint NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE runtime.activity_heads OWNER TO khala_owner;

COMMENT ON TABLE runtime.activity_heads IS 'Head of each topic when it was sampled last';

CREATE TABLE runtime.api_keys (
    key_id text NOT NULL,
    secret_hash bytea NOT NULL,
    label text NOT NULL,
    subject text,
    org_id text,
    scopes text[] NOT NULL,
    tokens_per_minute integer NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_key_id_check CHECK ((key_id ~ '^[0-9a-z]{8,32}$'::text)),
    CONSTRAINT api_keys_label_check CHECK (((length(label) >= 1) AND (length(label) <= 200))),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 1000))),
    CONSTRAINT api_keys_secret_hash_check CHECK ((octet_length(secret_hash) = 32)),
    CONSTRAINT api_keys_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 400))),
    CONSTRAINT api_keys_tokens_per_minute_check CHECK (((tokens_per_minute >= 1) AND (tokens_per_minute <= 1000000)))
);

ALTER TABLE runtime.api_keys OWNER TO khala_owner;

COMMENT ON TABLE runtime.api_keys IS 'Keys that are exchanged for tokens; the secret itself is stored nowhere';

COMMENT ON COLUMN runtime.api_keys.secret_hash IS 'SHA-256 of the secret, which is 32 random bytes: it cannot be guessed, so it needs no salt and no stretching';

COMMENT ON COLUMN runtime.api_keys.subject IS 'Subject of its tokens; null: whoever has the key names it';

COMMENT ON COLUMN runtime.api_keys.org_id IS 'Organisation of its tokens; null: whoever has the key names it';

COMMENT ON COLUMN runtime.api_keys.scopes IS 'Topics that its tokens may name';

COMMENT ON COLUMN runtime.api_keys.tokens_per_minute IS 'Tokens that a relay issues for it in a minute';

COMMENT ON COLUMN runtime.api_keys.last_used_at IS 'Time of the last token made with it, accurate to the hour';

CREATE TABLE runtime.archived_run_events (
    run_id text NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL
);

ALTER TABLE runtime.archived_run_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.archived_run_events IS 'Events of archived runs; they go with their run';

CREATE TABLE runtime.archived_runs (
    id text NOT NULL,
    org_id text,
    latest_seq bigint NOT NULL,
    unnumbered_count bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    summary jsonb NOT NULL
);

ALTER TABLE runtime.archived_runs OWNER TO khala_owner;

COMMENT ON TABLE runtime.archived_runs IS 'Ended runs that khala.archive_runs has taken out of the history; their ids are not used again';

COMMENT ON COLUMN runtime.archived_runs.summary IS 'The last document, without projected_at';

CREATE TABLE runtime.entity_events (
    kind text NOT NULL,
    id text NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL
)
PARTITION BY LIST (kind);

ALTER TABLE runtime.entity_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.entity_events IS 'The runtime''s history, append-only: one partition per kind of entity';

COMMENT ON COLUMN runtime.entity_events.seq IS 'Position in the history of this entity: 1, 2, 3 … without holes';

COMMENT ON COLUMN runtime.entity_events.occurred_at IS 'Time of the event, by the clock of its reporter';

COMMENT ON COLUMN runtime.entity_events.recorded_at IS 'Time of appending, by the clock of this server';

CREATE TABLE runtime.codex_worker_events (
    kind text CONSTRAINT entity_events_kind_not_null NOT NULL,
    id text CONSTRAINT entity_events_id_not_null NOT NULL,
    seq bigint CONSTRAINT entity_events_seq_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entity_events_occurred_at_not_null NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entity_events_recorded_at_not_null NOT NULL,
    event_type text CONSTRAINT entity_events_event_type_not_null NOT NULL,
    payload jsonb CONSTRAINT entity_events_payload_not_null NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05');

ALTER TABLE runtime.codex_worker_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_worker_events IS 'Events of codex workers';

CREATE TABLE runtime.codex_worker_request_keys (
    worker_id text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT codex_worker_request_keys_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255))),
    CONSTRAINT codex_worker_request_keys_request_hash_check CHECK ((octet_length(request_hash) = 32))
);

ALTER TABLE runtime.codex_worker_request_keys OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_worker_request_keys IS 'Idempotency keys of requests to codex workers, for as long as the history';

COMMENT ON COLUMN runtime.codex_worker_request_keys.seq IS 'Request that the key stands for; two requests to stop may be one';

CREATE TABLE runtime.codex_worker_requests (
    worker_id text NOT NULL,
    seq bigint NOT NULL,
    acknowledged_seq bigint,
    CONSTRAINT codex_worker_requests_check CHECK ((acknowledged_seq > seq)),
    CONSTRAINT codex_worker_requests_seq_check CHECK ((seq > 0))
);

ALTER TABLE runtime.codex_worker_requests OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_worker_requests IS 'Requests to codex workers through the API, and which of them the worker has acknowledged';

COMMENT ON COLUMN runtime.codex_worker_requests.seq IS 'Event worker.requested or worker.stop_requested in the history of the worker';

COMMENT ON COLUMN runtime.codex_worker_requests.acknowledged_seq IS 'Event worker.acknowledged; null while the request is pending';

CREATE TABLE runtime.entities (
    kind text NOT NULL,
    id text NOT NULL,
    latest_seq bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    org_id text,
    unnumbered_count bigint DEFAULT 0 NOT NULL,
    CONSTRAINT entities_check CHECK (((unnumbered_count >= 0) AND (unnumbered_count <= latest_seq))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0))
)
PARTITION BY LIST (kind);

ALTER TABLE runtime.entities OWNER TO khala_owner;

COMMENT ON TABLE runtime.entities IS 'Entities with a history: one partition per kind. The row is the lock and the counter of that history';

COMMENT ON COLUMN runtime.entities.kind IS 'run or codex_worker';

COMMENT ON COLUMN runtime.entities.latest_seq IS 'Sequence number of the last event; numbers count from 1 without holes, so it is also the number of events';

COMMENT ON COLUMN runtime.entities.org_id IS 'Owner organisation, fixed by the first event; null is public';

COMMENT ON COLUMN runtime.entities.unnumbered_count IS 'Number of events that are not its writer''s: marks of Khala''s and requests through the API; the writer, which does not know of them, numbers its own events without them';

CREATE TABLE runtime.codex_workers (
    kind text CONSTRAINT entities_kind_not_null NOT NULL,
    id text CONSTRAINT entities_id_not_null NOT NULL,
    latest_seq bigint CONSTRAINT entities_latest_seq_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entities_created_at_not_null NOT NULL,
    org_id text,
    unnumbered_count bigint DEFAULT 0 CONSTRAINT entities_unnumbered_count_not_null NOT NULL,
    CONSTRAINT entities_check CHECK (((unnumbered_count >= 0) AND (unnumbered_count <= latest_seq))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0))
)
WITH (fillfactor='50');

ALTER TABLE runtime.codex_workers OWNER TO khala_owner;

COMMENT ON TABLE runtime.codex_workers IS 'Codex workers: agents that take up one task after another';

CREATE TABLE runtime.flags (
    surface text NOT NULL,
    lane text NOT NULL,
    percent numeric(5,2) NOT NULL,
    people text[] NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT flags_lane_check CHECK ((lane = ANY (ARRAY['legacy'::text, 'khala'::text]))),
    CONSTRAINT flags_people_check CHECK ((cardinality(people) <= 1000)),
    CONSTRAINT flags_percent_check CHECK (((percent >= (0)::numeric) AND (percent <= (100)::numeric))),
    CONSTRAINT flags_surface_check CHECK ((surface ~ '^[a-z][a-z0-9_.-]{0,63}$'::text))
);

ALTER TABLE runtime.flags OWNER TO khala_owner;

COMMENT ON TABLE runtime.flags IS 'Surfaces that move from the legacy backend to Khala, and for whom they have moved';

COMMENT ON COLUMN runtime.flags.lane IS 'legacy: everybody reads the legacy backend, whatever the other columns say; khala: the people named and the share do not';

COMMENT ON COLUMN runtime.flags.percent IS 'Share of all subjects that the lane khala is for: those whose cohort, 0 to 9999, is below a hundred times this';

COMMENT ON COLUMN runtime.flags.people IS 'Subjects that the lane khala is for besides';

CREATE TABLE runtime.page_sessions (
    session_id text NOT NULL,
    code_hash bytea,
    cookie_hash bytea,
    person text NOT NULL,
    org_ids text[],
    first_org_id text,
    valid_for interval NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    signed_in_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT page_sessions_check CHECK (((code_hash IS NULL) <> (cookie_hash IS NULL))),
    CONSTRAINT page_sessions_code_hash_check CHECK ((octet_length(code_hash) = 32)),
    CONSTRAINT page_sessions_cookie_hash_check CHECK ((octet_length(cookie_hash) = 32)),
    CONSTRAINT page_sessions_org_ids_check CHECK (((cardinality(org_ids) >= 1) AND (cardinality(org_ids) <= 100))),
    CONSTRAINT page_sessions_person_check CHECK (((length(person) >= 1) AND (length(person) <= 400)))
);

ALTER TABLE runtime.page_sessions OWNER TO khala_owner;

COMMENT ON TABLE runtime.page_sessions IS 'Links to the admin page that are not used yet, and the sessions of those that were; code and cookie themselves are stored nowhere';

COMMENT ON COLUMN runtime.page_sessions.code_hash IS 'SHA-256 of the link''s code, 32 random bytes; null once it is used';

COMMENT ON COLUMN runtime.page_sessions.cookie_hash IS 'SHA-256 of the session''s cookie, 32 random bytes; null until the link is used';

COMMENT ON COLUMN runtime.page_sessions.person IS 'Subject of its tokens, as flags name it';

COMMENT ON COLUMN runtime.page_sessions.org_ids IS 'Organisations that the session is for; null: any, and the whole installation';

COMMENT ON COLUMN runtime.page_sessions.first_org_id IS 'Organisation that the page shows first, if one was named';

COMMENT ON COLUMN runtime.page_sessions.valid_for IS 'Length of the session, which begins when the link is used';

CREATE TABLE runtime.parity_counts (
    cycle bigint NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    drift numeric NOT NULL,
    documents bigint NOT NULL,
    CONSTRAINT parity_counts_drift_check CHECK ((drift >= (0)::numeric)),
    CONSTRAINT parity_counts_reason_check CHECK ((reason = ANY (ARRAY['none'::text, 'khala_missing'::text, 'legacy_missing'::text, 'hash_mismatch'::text, 'lag_drift'::text, 'hash_and_lag_drift'::text, 'unread'::text])))
);

ALTER TABLE runtime.parity_counts OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_counts IS 'Verdicts of each cycle, counted';

COMMENT ON COLUMN runtime.parity_counts.reason IS 'none: both sides hold the same; unread: the legacy backend did not say what it holds; the others are mismatches';

CREATE TABLE runtime.parity_cycle_totals (
    outcome text NOT NULL,
    cycles bigint NOT NULL,
    CONSTRAINT parity_cycle_totals_outcome_check CHECK ((outcome = ANY (ARRAY['started'::text, 'complete'::text, 'failed'::text])))
);

ALTER TABLE runtime.parity_cycle_totals OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_cycle_totals IS 'Number of cycles that ever started, which numbers them, and that finished, by outcome';

CREATE TABLE runtime.parity_cycles (
    cycle bigint NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    sampled integer NOT NULL,
    error text,
    started_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT parity_cycles_sampled_check CHECK ((sampled >= 0))
);

ALTER TABLE runtime.parity_cycles OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_cycles IS 'Comparisons of a sample of documents with the legacy backend';

COMMENT ON COLUMN runtime.parity_cycles.finished_at IS 'Null while the cycle runs, or when its process was killed';

COMMENT ON COLUMN runtime.parity_cycles.sampled IS 'Number of documents in the sample';

COMMENT ON COLUMN runtime.parity_cycles.error IS 'Why nothing could be compared; null in a complete cycle';

CREATE TABLE runtime.parity_mismatches (
    cycle bigint NOT NULL,
    topic text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    drift numeric NOT NULL,
    khala_version bigint,
    legacy_seq numeric,
    khala_hash bytea,
    legacy_hash bytea,
    detail text
);

ALTER TABLE runtime.parity_mismatches OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_mismatches IS 'Mismatches, at most 100 of a call of khala.judge_parity; parity_counts has their number';

COMMENT ON COLUMN runtime.parity_mismatches.khala_hash IS 'SHA-256 of the canonical payload without projected_at; likewise legacy_hash';

CREATE TABLE runtime.parity_samples (
    cycle bigint NOT NULL,
    topic text NOT NULL,
    doc_key text NOT NULL COLLATE pg_catalog."C",
    watermark bigint,
    doc_version bigint,
    seq numeric,
    bare_hash bytea
);

ALTER TABLE runtime.parity_samples OWNER TO khala_owner;

COMMENT ON TABLE runtime.parity_samples IS 'Documents of running cycles that have no verdict yet, as Khala held them before the legacy backend was read';

COMMENT ON COLUMN runtime.parity_samples.seq IS 'Sequence number of the document; null when it was missing or deleted';

COMMENT ON COLUMN runtime.parity_samples.bare_hash IS 'SHA-256 of the canonical payload without projected_at; null when it was missing or deleted';

CREATE TABLE runtime.run_events (
    kind text CONSTRAINT entity_events_kind_not_null NOT NULL,
    id text CONSTRAINT entity_events_id_not_null NOT NULL,
    seq bigint CONSTRAINT entity_events_seq_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entity_events_occurred_at_not_null NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entity_events_recorded_at_not_null NOT NULL,
    event_type text CONSTRAINT entity_events_event_type_not_null NOT NULL,
    payload jsonb CONSTRAINT entity_events_payload_not_null NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.05');

ALTER TABLE runtime.run_events OWNER TO khala_owner;

COMMENT ON TABLE runtime.run_events IS 'Events of runs';

CREATE TABLE runtime.runs (
    kind text CONSTRAINT entities_kind_not_null NOT NULL,
    id text CONSTRAINT entities_id_not_null NOT NULL,
    latest_seq bigint CONSTRAINT entities_latest_seq_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() CONSTRAINT entities_created_at_not_null NOT NULL,
    org_id text,
    unnumbered_count bigint DEFAULT 0 CONSTRAINT entities_unnumbered_count_not_null NOT NULL,
    CONSTRAINT entities_check CHECK (((unnumbered_count >= 0) AND (unnumbered_count <= latest_seq))),
    CONSTRAINT entities_latest_seq_check CHECK ((latest_seq >= 0))
)
WITH (fillfactor='50');

ALTER TABLE runtime.runs OWNER TO khala_owner;

COMMENT ON TABLE runtime.runs IS 'Runs: commands and jobs that start, progress and end';

CREATE TABLE runtime.sync_epochs (
    epoch_number bigint NOT NULL,
    epoch text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text NOT NULL,
    fingerprint text NOT NULL
);

ALTER TABLE runtime.sync_epochs OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_epochs IS 'Epochs of the watermarks; the newest is current';

COMMENT ON COLUMN runtime.sync_epochs.fingerprint IS 'Server, timeline, database and table in which the epoch began; any other fingerprint belongs to a restored or promoted copy';

CREATE TABLE runtime.sync_revocations (
    kind text NOT NULL,
    value text NOT NULL,
    revocation_number bigint NOT NULL,
    issued_until timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    forget_at timestamp with time zone NOT NULL,
    revoked_by text DEFAULT SESSION_USER NOT NULL,
    reason text,
    CONSTRAINT sync_revocations_kind_check CHECK ((kind = ANY (ARRAY['jti'::text, 'sub'::text, 'org'::text]))),
    CONSTRAINT sync_revocations_value_check CHECK (((length(value) >= 1) AND (length(value) <= 1024)))
);

ALTER TABLE runtime.sync_revocations OWNER TO khala_owner;

COMMENT ON TABLE runtime.sync_revocations IS 'Revoked tokens: by token, subject or organisation';

COMMENT ON COLUMN runtime.sync_revocations.kind IS 'Claim that identifies the tokens: jti, sub, or org for oa_org_id';

COMMENT ON COLUMN runtime.sync_revocations.revocation_number IS 'Grows with every change, in commit order: a relay reads the numbers above the last one it knows';

COMMENT ON COLUMN runtime.sync_revocations.issued_until IS 'Tokens issued up to this time are revoked; -infinity cancels the revocation';

COMMENT ON COLUMN runtime.sync_revocations.forget_at IS 'The row is no longer needed then: no token is valid longer than 32 days';

ALTER TABLE ONLY runtime.entity_events ATTACH PARTITION runtime.codex_worker_events FOR VALUES IN ('codex_worker');

ALTER TABLE ONLY runtime.entities ATTACH PARTITION runtime.codex_workers FOR VALUES IN ('codex_worker');

ALTER TABLE ONLY runtime.entity_events ATTACH PARTITION runtime.run_events FOR VALUES IN ('run');

ALTER TABLE ONLY runtime.entities ATTACH PARTITION runtime.runs FOR VALUES IN ('run');

ALTER TABLE ONLY lightning.credential_roles
    ADD CONSTRAINT credential_roles_pkey PRIMARY KEY (role);

ALTER TABLE ONLY lightning.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (deployment_id);

ALTER TABLE ONLY lightning.gateway_events
    ADD CONSTRAINT gateway_events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY lightning.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (owner_id, idempotency_key);

ALTER TABLE ONLY lightning.invoices
    ADD CONSTRAINT invoices_invoice_id_paywall_id_owner_id_key UNIQUE (invoice_id, paywall_id, owner_id);

ALTER TABLE ONLY lightning.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (invoice_id);

ALTER TABLE ONLY lightning.owner_security_controls
    ADD CONSTRAINT owner_security_controls_pkey PRIMARY KEY (owner_id);

ALTER TABLE ONLY lightning.paywalls
    ADD CONSTRAINT paywalls_paywall_id_owner_id_key UNIQUE (paywall_id, owner_id);

ALTER TABLE ONLY lightning.paywalls
    ADD CONSTRAINT paywalls_pkey PRIMARY KEY (paywall_id);

ALTER TABLE ONLY lightning.policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (paywall_id);

ALTER TABLE ONLY lightning.routes
    ADD CONSTRAINT routes_pkey PRIMARY KEY (route_id);

ALTER TABLE ONLY lightning.security_global
    ADD CONSTRAINT security_global_pkey PRIMARY KEY (state_id);

ALTER TABLE ONLY lightning.settlements
    ADD CONSTRAINT settlements_payment_hash_key UNIQUE (payment_hash);

ALTER TABLE ONLY lightning.settlements
    ADD CONSTRAINT settlements_pkey PRIMARY KEY (settlement_id);

ALTER TABLE ONLY runtime.activity_heads
    ADD CONSTRAINT activity_heads_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.activity
    ADD CONSTRAINT activity_pkey PRIMARY KEY (at, topic);

ALTER TABLE ONLY runtime.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY runtime.archived_run_events
    ADD CONSTRAINT archived_run_events_pkey PRIMARY KEY (run_id, seq);

ALTER TABLE ONLY runtime.archived_runs
    ADD CONSTRAINT archived_runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY runtime.attachment_set_aside
    ADD CONSTRAINT attachment_set_aside_pkey PRIMARY KEY (topic, row_key);

ALTER TABLE ONLY runtime.attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.attachments
    ADD CONSTRAINT attachments_relation_key UNIQUE (relation);

ALTER TABLE ONLY runtime.entity_events
    ADD CONSTRAINT entity_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.codex_worker_events
    ADD CONSTRAINT codex_worker_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.codex_worker_request_keys
    ADD CONSTRAINT codex_worker_request_keys_pkey PRIMARY KEY (worker_id, idempotency_key);

ALTER TABLE ONLY runtime.codex_worker_requests
    ADD CONSTRAINT codex_worker_requests_pkey PRIMARY KEY (worker_id, seq);

ALTER TABLE ONLY runtime.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.codex_workers
    ADD CONSTRAINT codex_workers_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.flags
    ADD CONSTRAINT flags_pkey PRIMARY KEY (surface);

ALTER TABLE ONLY runtime.page_sessions
    ADD CONSTRAINT page_sessions_code_hash_key UNIQUE (code_hash);

ALTER TABLE ONLY runtime.page_sessions
    ADD CONSTRAINT page_sessions_cookie_hash_key UNIQUE (cookie_hash);

ALTER TABLE ONLY runtime.page_sessions
    ADD CONSTRAINT page_sessions_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY runtime.parity_counts
    ADD CONSTRAINT parity_counts_pkey PRIMARY KEY (cycle, topic, reason, drift);

ALTER TABLE ONLY runtime.parity_cycle_totals
    ADD CONSTRAINT parity_cycle_totals_pkey PRIMARY KEY (outcome);

ALTER TABLE ONLY runtime.parity_cycles
    ADD CONSTRAINT parity_cycles_pkey PRIMARY KEY (cycle);

ALTER TABLE ONLY runtime.parity_document_totals
    ADD CONSTRAINT parity_document_totals_pkey PRIMARY KEY (topic, reason);

ALTER TABLE ONLY runtime.parity_mismatches
    ADD CONSTRAINT parity_mismatches_pkey PRIMARY KEY (cycle, topic, doc_key);

ALTER TABLE ONLY runtime.parity_samples
    ADD CONSTRAINT parity_samples_pkey PRIMARY KEY (cycle, topic, doc_key);

ALTER TABLE ONLY runtime.projection_checkpoints
    ADD CONSTRAINT projection_checkpoints_pkey PRIMARY KEY (projection, entity_id);

ALTER TABLE ONLY runtime.publisher_set_aside
    ADD CONSTRAINT publisher_set_aside_pkey PRIMARY KEY (publisher, topic, doc_key, watermark);

ALTER TABLE ONLY runtime.publisher_topics
    ADD CONSTRAINT publisher_topics_pkey PRIMARY KEY (publisher, topic);

ALTER TABLE ONLY runtime.publisher_updates
    ADD CONSTRAINT publisher_updates_pkey PRIMARY KEY (publisher, topic, doc_key, watermark);

ALTER TABLE ONLY runtime.publishers
    ADD CONSTRAINT publishers_pkey PRIMARY KEY (publisher);

ALTER TABLE ONLY runtime.relay_reports
    ADD CONSTRAINT relay_reports_pkey PRIMARY KEY (relay);

ALTER TABLE ONLY runtime.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (kind, id, seq);

ALTER TABLE ONLY runtime.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY runtime.sync_documents
    ADD CONSTRAINT sync_documents_pkey PRIMARY KEY (topic, doc_key);

ALTER TABLE ONLY runtime.sync_epochs
    ADD CONSTRAINT sync_epochs_epoch_key UNIQUE (epoch);

ALTER TABLE ONLY runtime.sync_epochs
    ADD CONSTRAINT sync_epochs_pkey PRIMARY KEY (epoch_number);

ALTER TABLE ONLY runtime.sync_revocations
    ADD CONSTRAINT sync_revocations_pkey PRIMARY KEY (kind, value);

ALTER TABLE ONLY runtime.sync_revocations
    ADD CONSTRAINT sync_revocations_revocation_number_key UNIQUE (revocation_number);

ALTER TABLE ONLY runtime.sync_staged_writes
    ADD CONSTRAINT sync_staged_writes_pkey PRIMARY KEY (topic, "position");

ALTER TABLE ONLY runtime.sync_stream_events
    ADD CONSTRAINT sync_stream_events_pkey PRIMARY KEY (topic, watermark);

ALTER TABLE ONLY runtime.sync_topic_retention
    ADD CONSTRAINT sync_topic_retention_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topic_sequences
    ADD CONSTRAINT sync_topic_sequences_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topic_staging
    ADD CONSTRAINT sync_topic_staging_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_enum_name_key UNIQUE (enum_name);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_pkey PRIMARY KEY (topic);

ALTER TABLE ONLY runtime.sync_topics
    ADD CONSTRAINT sync_topics_read_model_key UNIQUE (read_model);

CREATE INDEX deployments_paywall ON lightning.deployments USING btree (paywall_id);

CREATE INDEX gateway_events_deployment ON lightning.gateway_events USING btree (deployment_id) WHERE (deployment_id IS NOT NULL);

CREATE INDEX gateway_events_paywall ON lightning.gateway_events USING btree (paywall_id, created_at_ms);

CREATE INDEX idempotency_keys_age ON lightning.idempotency_keys USING btree (created_at);

CREATE UNIQUE INDEX invoices_payment_hash ON lightning.invoices USING btree (payment_hash) WHERE (payment_hash IS NOT NULL);

CREATE INDEX invoices_paywall ON lightning.invoices USING btree (paywall_id, created_at_ms, invoice_id);

CREATE INDEX paywalls_owner ON lightning.paywalls USING btree (owner_id, created_at_ms, paywall_id);

CREATE INDEX routes_paywall ON lightning.routes USING btree (paywall_id, priority, route_id);

CREATE UNIQUE INDEX settlements_invoice ON lightning.settlements USING btree (invoice_id) WHERE (invoice_id IS NOT NULL);

CREATE INDEX settlements_paywall ON lightning.settlements USING btree (paywall_id, created_at_ms, settlement_id);

CREATE INDEX entity_events_type ON ONLY runtime.entity_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX codex_worker_events_kind_id_event_type_expr_idx ON runtime.codex_worker_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX codex_worker_requests_pending ON runtime.codex_worker_requests USING btree (worker_id, seq) WHERE (acknowledged_seq IS NULL);

CREATE INDEX parity_cycles_finished ON runtime.parity_cycles USING btree (finished_at);

CREATE INDEX projection_checkpoints_drift ON runtime.projection_checkpoints USING btree (projection) INCLUDE (drift_count) WHERE (drift_count > 0);

CREATE INDEX projection_checkpoints_heartbeat ON runtime.projection_checkpoints USING btree (projection, entity_id) WHERE (heartbeat_s IS NOT NULL);

CREATE INDEX publisher_updates_due ON runtime.publisher_updates USING btree (publisher, due_at, watermark) WHERE (state = 'ready'::text);

CREATE UNIQUE INDEX publisher_updates_first ON runtime.publisher_updates USING btree (publisher, topic, doc_key) WHERE (state <> 'held'::text);

CREATE INDEX run_events_kind_id_event_type_expr_idx ON runtime.run_events USING btree (kind, id, event_type, ((- seq)));

CREATE INDEX sync_documents_gone ON runtime.sync_documents USING btree (topic, org_id, doc_key) WHERE deleted;

CREATE INDEX sync_documents_owner ON runtime.sync_documents USING btree (topic, org_id, doc_key) WHERE (NOT deleted);

ALTER INDEX runtime.entity_events_type ATTACH PARTITION runtime.codex_worker_events_kind_id_event_type_expr_idx;

ALTER INDEX runtime.entity_events_pkey ATTACH PARTITION runtime.codex_worker_events_pkey;

ALTER INDEX runtime.entities_pkey ATTACH PARTITION runtime.codex_workers_pkey;

ALTER INDEX runtime.entity_events_type ATTACH PARTITION runtime.run_events_kind_id_event_type_expr_idx;

ALTER INDEX runtime.entity_events_pkey ATTACH PARTITION runtime.run_events_pkey;

ALTER INDEX runtime.entities_pkey ATTACH PARTITION runtime.runs_pkey;

CREATE TRIGGER codex_worker_events_truncate BEFORE TRUNCATE ON runtime.codex_worker_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER codex_worker_events_truncate ON runtime.codex_worker_events IS 'History is append-only';

CREATE TRIGGER entity_events_change BEFORE DELETE OR UPDATE ON runtime.entity_events FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER entity_events_change ON runtime.entity_events IS 'History is append-only';

CREATE TRIGGER entity_events_truncate BEFORE TRUNCATE ON runtime.entity_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER entity_events_truncate ON runtime.entity_events IS 'History is append-only';

CREATE TRIGGER run_events_truncate BEFORE TRUNCATE ON runtime.run_events FOR EACH STATEMENT EXECUTE FUNCTION khala_internal.refuse_history_change();

COMMENT ON TRIGGER run_events_truncate ON runtime.run_events IS 'History is append-only';

CREATE TRIGGER runs_archived AFTER INSERT ON runtime.runs FOR EACH ROW EXECUTE FUNCTION khala_internal.refuse_archived_run();

COMMENT ON TRIGGER runs_archived ON runtime.runs IS 'The id of an archived run is not used again';

CREATE TRIGGER sync_topic_sequences_wake AFTER UPDATE OF armed ON runtime.sync_topic_sequences FOR EACH ROW WHEN ((old.armed AND (NOT new.armed))) EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();

ALTER TABLE runtime.sync_topic_sequences ENABLE ALWAYS TRIGGER sync_topic_sequences_wake;

COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS 'Wakes sleeping relays: a writer that finds the topic armed notifies when it commits';

ALTER TABLE ONLY lightning.deployments
    ADD CONSTRAINT deployments_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY lightning.gateway_events
    ADD CONSTRAINT gateway_events_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES lightning.deployments(deployment_id);

ALTER TABLE ONLY lightning.gateway_events
    ADD CONSTRAINT gateway_events_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY lightning.invoices
    ADD CONSTRAINT invoices_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY lightning.policies
    ADD CONSTRAINT policies_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY lightning.routes
    ADD CONSTRAINT routes_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY lightning.settlements
    ADD CONSTRAINT settlements_invoice_id_paywall_id_owner_id_fkey FOREIGN KEY (invoice_id, paywall_id, owner_id) REFERENCES lightning.invoices(invoice_id, paywall_id, owner_id);

ALTER TABLE ONLY lightning.settlements
    ADD CONSTRAINT settlements_paywall_id_owner_id_fkey FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls(paywall_id, owner_id);

ALTER TABLE ONLY runtime.archived_run_events
    ADD CONSTRAINT archived_run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES runtime.archived_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY runtime.attachments
    ADD CONSTRAINT attachments_topic_fkey FOREIGN KEY (topic) REFERENCES runtime.sync_topics(topic);

ALTER TABLE ONLY runtime.codex_worker_request_keys
    ADD CONSTRAINT codex_worker_request_keys_worker_id_seq_fkey FOREIGN KEY (worker_id, seq) REFERENCES runtime.codex_worker_requests(worker_id, seq);

ALTER TABLE runtime.entity_events
    ADD CONSTRAINT entity_events_kind_id_fkey FOREIGN KEY (kind, id) REFERENCES runtime.entities(kind, id);

ALTER TABLE ONLY runtime.parity_counts
    ADD CONSTRAINT parity_counts_cycle_fkey FOREIGN KEY (cycle) REFERENCES runtime.parity_cycles(cycle);

ALTER TABLE ONLY runtime.parity_mismatches
    ADD CONSTRAINT parity_mismatches_cycle_fkey FOREIGN KEY (cycle) REFERENCES runtime.parity_cycles(cycle);

ALTER TABLE ONLY runtime.parity_samples
    ADD CONSTRAINT parity_samples_cycle_fkey FOREIGN KEY (cycle) REFERENCES runtime.parity_cycles(cycle);

ALTER TABLE ONLY runtime.publisher_set_aside
    ADD CONSTRAINT publisher_set_aside_publisher_topic_fkey FOREIGN KEY (publisher, topic) REFERENCES runtime.publisher_topics(publisher, topic) ON DELETE CASCADE;

ALTER TABLE ONLY runtime.publisher_topics
    ADD CONSTRAINT publisher_topics_publisher_fkey FOREIGN KEY (publisher) REFERENCES runtime.publishers(publisher) ON DELETE CASCADE;

ALTER TABLE ONLY runtime.sync_topic_staging
    ADD CONSTRAINT sync_topic_staging_topic_fkey FOREIGN KEY (topic) REFERENCES runtime.sync_topics(topic);

GRANT USAGE ON SCHEMA khala TO khala_runtime;
GRANT USAGE ON SCHEMA khala TO khala_relay;
GRANT USAGE ON SCHEMA khala TO khala_dba;
GRANT USAGE ON SCHEMA khala TO khala_publisher;

GRANT USAGE ON SCHEMA lightning TO lightning_ops;
GRANT USAGE ON SCHEMA lightning TO lightning_owner_api;
GRANT USAGE ON SCHEMA lightning TO khala_dba;

GRANT USAGE ON SCHEMA runtime TO khala_runtime;
GRANT USAGE ON SCHEMA runtime TO khala_dba;

GRANT SELECT ON TABLE runtime.attachments TO khala_dba;

GRANT SELECT ON TABLE runtime.sync_topics TO khala_dba;

GRANT SELECT ON TABLE runtime.attachment_set_aside TO khala_dba;

GRANT SELECT ON TABLE runtime.archived_run_events TO khala_dba;

GRANT SELECT ON TABLE runtime.archived_runs TO khala_dba;

GRANT SELECT ON TABLE runtime.sync_codex_worker_summaries TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_lightning_deployments TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_lightning_paywalls TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_lightning_security TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_lightning_settlements TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_notifications TO khala_runtime;

GRANT SELECT ON TABLE runtime.sync_revocations TO khala_dba;

GRANT SELECT ON TABLE runtime.sync_run_summaries TO khala_runtime;
