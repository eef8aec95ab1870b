-- Deploy khala:seed to pg

BEGIN;
\ir ../session.sql

SET LOCAL ROLE khala_owner;

SELECT khala.register_topic('runtime.run_summaries', p_enum_name => 'SYNC_TOPIC_RUNTIME_RUN_SUMMARIES');
SELECT khala.register_topic(
    'runtime.codex_worker_summaries', p_enum_name => 'SYNC_TOPIC_RUNTIME_CODEX_WORKER_SUMMARIES'
);
SELECT khala.register_topic('runtime.notifications', p_enum_name => 'SYNC_TOPIC_RUNTIME_NOTIFICATIONS');
SELECT khala.ensure_epoch();

COMMIT;
