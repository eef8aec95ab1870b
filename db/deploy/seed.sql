-- Deploy khala:seed to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

SELECT khala.register_topic('runtime.run_summaries', p_enum_name => 'SYNC_TOPIC_RUNTIME_RUN_SUMMARIES');
SELECT khala.register_topic(
    'runtime.codex_worker_summaries', p_enum_name => 'SYNC_TOPIC_RUNTIME_CODEX_WORKER_SUMMARIES'
);
SELECT khala.register_topic('runtime.notifications', p_enum_name => 'SYNC_TOPIC_RUNTIME_NOTIFICATIONS');
SELECT khala.register_topic('lightning.paywalls', p_enum_name => 'SYNC_TOPIC_LIGHTNING_PAYWALLS');
SELECT khala.register_topic('lightning.deployments', p_enum_name => 'SYNC_TOPIC_LIGHTNING_DEPLOYMENTS');
SELECT khala.register_topic('lightning.settlements', p_enum_name => 'SYNC_TOPIC_LIGHTNING_SETTLEMENTS');
SELECT khala.register_topic('lightning.security', p_enum_name => 'SYNC_TOPIC_LIGHTNING_SECURITY');
SELECT khala.ensure_epoch();

INSERT INTO lightning.security_global (state_id, operators_org_id, global_pause, updated_at_ms)
VALUES ('global', 'operators', FALSE, khala_internal.lightning_now_ms());

COMMIT;
