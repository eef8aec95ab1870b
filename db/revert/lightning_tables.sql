-- Revert khala:lightning_tables from pg

BEGIN;
\ir ../session.sql

DROP TABLE lightning.idempotency_keys;
DROP TABLE lightning.credential_roles;
DROP TABLE lightning.owner_security_controls;
DROP TABLE lightning.security_global;
DROP TABLE lightning.settlements;
DROP TABLE lightning.invoices;
DROP TABLE lightning.gateway_events;
DROP TABLE lightning.deployments;
DROP TABLE lightning.routes;
DROP TABLE lightning.policies;
DROP TABLE lightning.paywalls;
DROP DOMAIN lightning.sha256_hex;
DROP DOMAIN lightning.msats;
DROP DOMAIN lightning.milliseconds;
DROP DOMAIN lightning.identifier;

COMMIT;
