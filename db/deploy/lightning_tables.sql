-- Deploy khala:lightning_tables to pg
-- The Lightning control plane: what the gateway sells, what it did, and who may. Constraints make a wrong state
-- impossible; the functions of schema lightning are the only way to change one.

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

CREATE DOMAIN lightning.identifier AS text CHECK (pg_catalog.length(value) BETWEEN 1 AND 200);
COMMENT ON DOMAIN lightning.identifier IS 'Identifier of an entity or an owner';
CREATE DOMAIN lightning.milliseconds AS bigint CHECK (value BETWEEN 0 AND 253402300799999);
COMMENT ON DOMAIN lightning.milliseconds IS 'Time in milliseconds since 1970, up to the year 9999';
CREATE DOMAIN lightning.msats AS bigint CHECK (value BETWEEN 0 AND 9007199254740991);
COMMENT ON DOMAIN lightning.msats IS 'Amount in millisatoshi that a JSON number holds exactly';
CREATE DOMAIN lightning.sha256_hex AS text CHECK (value ~ '^[0-9a-f]{64}$');
COMMENT ON DOMAIN lightning.sha256_hex IS 'SHA-256 in lower-case hexadecimal';

CREATE TABLE lightning.paywalls (
    paywall_id lightning.identifier PRIMARY KEY,
    owner_id lightning.identifier NOT NULL,
    name text NOT NULL CHECK (pg_catalog.length(name) BETWEEN 1 AND 200),
    description text,
    status text NOT NULL CHECK (status IN ('active', 'paused', 'archived')),
    request_id text,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    UNIQUE (paywall_id, owner_id)
);
CREATE INDEX paywalls_owner ON lightning.paywalls (owner_id, created_at_ms, paywall_id);
COMMENT ON TABLE lightning.paywalls IS 'What owners sell through the gateway; owner_id is the organisation of their documents';

CREATE TABLE lightning.policies (
    paywall_id lightning.identifier PRIMARY KEY,
    owner_id lightning.identifier NOT NULL,
    pricing_mode text NOT NULL CHECK (pricing_mode = 'fixed'),
    fixed_amount_msats lightning.msats NOT NULL,
    max_per_request_msats lightning.msats CHECK (max_per_request_msats > 0),
    allowed_hosts text[],
    blocked_hosts text[],
    quota_per_minute integer CHECK (quota_per_minute > 0),
    quota_per_day integer CHECK (quota_per_day > 0),
    kill_switch boolean NOT NULL DEFAULT FALSE,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id)
);
COMMENT ON TABLE lightning.policies IS 'Price and limits of each paywall';

CREATE TABLE lightning.routes (
    route_id lightning.identifier PRIMARY KEY,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    host_pattern text NOT NULL CHECK (pg_catalog.length(host_pattern) BETWEEN 1 AND 300),
    path_pattern text NOT NULL CHECK (pg_catalog.length(path_pattern) BETWEEN 1 AND 2000),
    upstream_url text NOT NULL CHECK (pg_catalog.length(upstream_url) BETWEEN 1 AND 2000),
    protocol text NOT NULL CHECK (protocol IN ('http', 'https')),
    timeout_ms integer NOT NULL CHECK (timeout_ms >= 0),
    priority integer NOT NULL CHECK (priority >= 0),
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id)
);
CREATE INDEX routes_paywall ON lightning.routes (paywall_id, priority, route_id);
COMMENT ON TABLE lightning.routes IS 'Requests that each paywall sells';

CREATE TABLE lightning.deployments (
    deployment_id lightning.identifier PRIMARY KEY,
    paywall_id lightning.identifier,
    owner_id lightning.identifier,
    config_hash text NOT NULL CHECK (pg_catalog.length(config_hash) BETWEEN 1 AND 200),
    image_digest text,
    status text NOT NULL CHECK (status IN ('pending', 'applied', 'failed', 'rolled_back')),
    diagnostics jsonb,
    metadata jsonb,
    request_id text,
    applied_at_ms lightning.milliseconds,
    rolled_back_from text,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    CHECK (status <> 'applied' OR applied_at_ms IS NOT NULL),
    CHECK (paywall_id IS NULL OR owner_id IS NOT NULL),
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id)
);
CREATE INDEX deployments_paywall ON lightning.deployments (paywall_id);
COMMENT ON TABLE lightning.deployments IS 'Configurations of the gateway that were compiled, and what became of each';

CREATE TABLE lightning.gateway_events (
    event_id lightning.identifier PRIMARY KEY,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    deployment_id lightning.identifier REFERENCES lightning.deployments (deployment_id),
    event_type text NOT NULL CHECK (pg_catalog.length(event_type) BETWEEN 1 AND 200),
    level text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    request_id text,
    config_hash text,
    execution_path text NOT NULL,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id)
);
CREATE INDEX gateway_events_paywall ON lightning.gateway_events (paywall_id, created_at_ms);
CREATE INDEX gateway_events_deployment ON lightning.gateway_events (deployment_id) WHERE deployment_id IS NOT NULL;
COMMENT ON TABLE lightning.gateway_events IS 'Steps of deployments and of the gateway''s work, append-only';

-- Nearly every invoice is updated once, when it is settled: half of each page is left for that, so it is HOT.
CREATE TABLE lightning.invoices (
    invoice_id lightning.identifier PRIMARY KEY,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    amount_msats lightning.msats NOT NULL CHECK (amount_msats > 0),
    status text NOT NULL CHECK (status IN ('open', 'settled', 'canceled', 'expired')),
    payment_hash lightning.sha256_hex,
    payment_request text,
    payment_proof_ref text,
    request_id text,
    created_at_ms lightning.milliseconds NOT NULL,
    updated_at_ms lightning.milliseconds NOT NULL,
    settled_at_ms lightning.milliseconds,
    CHECK ((status = 'settled') = (settled_at_ms IS NOT NULL)),
    UNIQUE (invoice_id, paywall_id, owner_id),
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX invoices_payment_hash ON lightning.invoices (payment_hash) WHERE payment_hash IS NOT NULL;
CREATE INDEX invoices_paywall ON lightning.invoices (paywall_id, created_at_ms, invoice_id);
COMMENT ON TABLE lightning.invoices IS 'Requests for payments';

CREATE TABLE lightning.settlements (
    settlement_id lightning.identifier PRIMARY KEY,
    paywall_id lightning.identifier NOT NULL,
    owner_id lightning.identifier NOT NULL,
    invoice_id lightning.identifier,
    amount_msats lightning.msats NOT NULL CHECK (amount_msats > 0),
    payment_hash lightning.sha256_hex NOT NULL UNIQUE,
    payment_proof_ref text NOT NULL CHECK (payment_proof_ref ~ '^lightning_preimage:[0-9a-f]{24}$'),
    request_id text,
    task_id text,
    route_id text,
    metadata jsonb,
    created_at_ms lightning.milliseconds NOT NULL,
    FOREIGN KEY (paywall_id, owner_id) REFERENCES lightning.paywalls (paywall_id, owner_id),
    FOREIGN KEY (invoice_id, paywall_id, owner_id)
    REFERENCES lightning.invoices (invoice_id, paywall_id, owner_id)
);
CREATE UNIQUE INDEX settlements_invoice ON lightning.settlements (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX settlements_paywall ON lightning.settlements (paywall_id, created_at_ms, settlement_id);
COMMENT ON TABLE lightning.settlements IS 'Payments received, each with a reference to its proof; an invoice and a payment hash are settled once';
COMMENT ON COLUMN lightning.settlements.payment_hash IS 'SHA-256 of the preimage, which itself is not stored';

CREATE TABLE lightning.security_global (
    state_id text PRIMARY KEY CHECK (state_id = 'global'),
    operators_org_id lightning.identifier NOT NULL,
    global_pause boolean NOT NULL,
    deny_reason_code text CHECK (deny_reason_code = 'global_pause_active'),
    deny_reason text,
    updated_by text,
    updated_at_ms lightning.milliseconds NOT NULL,
    CHECK (global_pause = (deny_reason_code IS NOT NULL) AND global_pause = (deny_reason IS NOT NULL))
);
COMMENT ON TABLE lightning.security_global IS 'The pause of the gateway as a whole: one row';
COMMENT ON COLUMN lightning.security_global.operators_org_id IS 'Organisation that owns the documents of what belongs to no owner';

CREATE TABLE lightning.owner_security_controls (
    owner_id lightning.identifier PRIMARY KEY,
    kill_switch boolean NOT NULL,
    deny_reason_code text CHECK (deny_reason_code = 'owner_kill_switch_active'),
    deny_reason text,
    updated_by text,
    updated_at_ms lightning.milliseconds NOT NULL,
    CHECK (kill_switch = (deny_reason_code IS NOT NULL) AND kill_switch = (deny_reason IS NOT NULL))
);
COMMENT ON TABLE lightning.owner_security_controls IS 'Switches that stop all paywalls of an owner';

CREATE TABLE lightning.credential_roles (
    role text PRIMARY KEY CHECK (role IN ('gateway_invoice', 'settlement_read', 'operator_admin')),
    status text NOT NULL CHECK (status IN ('active', 'rotating', 'revoked')),
    version integer NOT NULL CHECK (version >= 1),
    fingerprint text,
    note text,
    updated_at_ms lightning.milliseconds NOT NULL,
    last_rotated_at_ms lightning.milliseconds,
    revoked_at_ms lightning.milliseconds,
    CHECK ((status = 'revoked') = (revoked_at_ms IS NOT NULL)),
    CHECK (status <> 'revoked' OR (fingerprint IS NULL AND last_rotated_at_ms IS NULL)),
    CHECK (status <> 'rotating' OR last_rotated_at_ms IS NOT NULL)
);
COMMENT ON TABLE lightning.credential_roles IS 'State of the credential of each role, never its value';

CREATE TABLE lightning.idempotency_keys (
    owner_id lightning.identifier NOT NULL,
    idempotency_key text NOT NULL CHECK (pg_catalog.length(idempotency_key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (pg_catalog.octet_length(request_hash) = 32),
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (owner_id, idempotency_key)
);
CREATE INDEX idempotency_keys_age ON lightning.idempotency_keys (created_at);
COMMENT ON TABLE lightning.idempotency_keys IS 'Responses of owners'' writes, for a day, so that a repeated request has one effect';

COMMIT;
