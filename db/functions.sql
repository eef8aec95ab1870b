-- Loads every function, in an order in which each finds what it calls. Run it inside a transaction, by a
-- role that may act as khala_owner: `khala migrate` does, and so does `psql -1 -f db/functions.sql`.

SET LOCAL ROLE khala_owner;
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('khala.functions', 0));

\ir functions/schema_version.sql
\ir functions/canonical_number.sql
\ir functions/number_text.sql
\ir functions/utf16_sort_key.sql
\ir functions/canonical_json_by_level.sql
\ir functions/canonical_json.sql
\ir functions/payload_hash.sql
\ir functions/payload_hash_text.sql
\ir functions/payload_text.sql
\ir functions/parse_payload.sql
\ir functions/current_epoch.sql
\ir functions/database_fingerprint.sql
\ir functions/new_epoch.sql
\ir functions/ensure_epoch.sql
\ir functions/register_topic.sql
\ir functions/refuse_topic.sql
\ir functions/refuse_size.sql
\ir functions/refuse_suppressed_write.sql
\ir functions/refuse_payloads.sql
\ir functions/is_writable.sql
\ir functions/judge_document.sql
\ir functions/allocate_watermark.sql
\ir functions/sync_topic_sequences_wake.sql
\ir functions/refuse_document.sql
\ir functions/write_document.sql
\ir functions/write_documents.sql
\ir functions/sink.sql
\ir functions/sink_delete.sql
\ir functions/sink_batch.sql
\ir functions/wire_integer.sql
\ir functions/update_text.sql
\ir functions/page_tail.sql
\ir functions/open_cursor.sql
\ir functions/check_page_limits.sql
\ir functions/check_cursors.sql
\ir functions/replay.sql
\ir functions/replay_feed.sql
\ir functions/snapshot.sql
\ir functions/hydrate.sql
\ir functions/arm.sql
\ir functions/retain.sql
\ir functions/refuse_history_change.sql
\ir functions/projection_version.sql
\ir functions/projection_of.sql
\ir functions/iso_timestamp.sql
\ir functions/check_event.sql
\ir functions/check_event_document.sql
\ir functions/summarize_entities.sql
\ir functions/project_entities.sql
\ir functions/rebuild_entities.sql
\ir functions/rebuild_projection.sql
\ir functions/rebuild_projections.sql
\ir functions/count_entities.sql
\ir functions/append_event.sql
\ir functions/append_run_event.sql
\ir functions/append_codex_worker_event.sql
\ir functions/project_run.sql
\ir functions/project_codex_worker.sql
\ir functions/ingest_events.sql
\ir functions/revoke.sql
\ir functions/revocations.sql
\ir functions/create_api_key.sql
\ir functions/revoke_api_key.sql
\ir functions/list_api_keys.sql
\ir functions/authenticate_api_key.sql

RESET ROLE;
