-- Deploy khala:write_path to pg

BEGIN;

SET LOCAL ROLE khala_owner;

-- All of them now, in the order in which writers come to them: otherwise a writer at work, which has one and
-- needs the next, and this transaction wait for each other.
LOCK TABLE runtime.sync_topics, runtime.sync_documents, runtime.sync_topic_sequences, runtime.sync_stream_events;

-- A trigger's WHEN is parsed by every statement that might fire it. This one is looked at only when the flag is
-- set, which a writer does by an UPDATE of its own. Writers that still run the functions of before set it with
-- every watermark, and wake relays as well.
DROP TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences;
CREATE TRIGGER sync_topic_sequences_wake
AFTER UPDATE OF armed ON runtime.sync_topic_sequences
FOR EACH ROW
WHEN (old.armed AND NOT new.armed)
EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();
COMMENT ON TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences IS
'Wakes sleeping relays: a writer that found the topic armed notifies when it commits';

-- So is a CHECK: these took a tenth of a sink. Nobody but khala_owner can write the tables, and its functions
-- ask khala_internal.is_writable before they lock anything. Domains in their place took a third as long, one CHECK
-- for all nearly as long as each by itself. Partitions still refuse rows of other topics.
ALTER TABLE runtime.sync_documents
DROP CONSTRAINT sync_documents_doc_key_check,
DROP CONSTRAINT sync_documents_doc_version_check,
DROP CONSTRAINT sync_documents_org_id_check,
DROP CONSTRAINT sync_documents_check;
ALTER TABLE runtime.sync_stream_events DROP CONSTRAINT sync_stream_events_watermark_check;
ALTER TABLE runtime.sync_topic_sequences DROP CONSTRAINT sync_topic_sequences_head_watermark_check;

-- Read models that were registered before repeat their partition's bound.
DO $$
DECLARE
    v_constraint record;
BEGIN
    FOR v_constraint IN
        SELECT i.inhrelid::pg_catalog.regclass AS read_model, c.conname
        FROM pg_catalog.pg_inherits AS i
        INNER JOIN pg_catalog.pg_constraint AS c ON i.inhrelid = c.conrelid AND c.contype = 'c'
        WHERE i.inhparent = 'runtime.sync_documents'::pg_catalog.regclass
    LOOP
        EXECUTE pg_catalog.format(
            'ALTER TABLE %s DROP CONSTRAINT %I', v_constraint.read_model, v_constraint.conname
        );
    END LOOP;
END
$$;

-- Writers would count topics to know this, which took a twentieth of a sink.
ALTER TABLE runtime.sync_topics ADD COLUMN many_topics boolean NOT NULL DEFAULT FALSE;
UPDATE runtime.sync_topics SET many_topics = TRUE
WHERE (SELECT pg_catalog.count(*) FROM runtime.sync_topics) > 32;
COMMENT ON COLUMN runtime.sync_topics.many_topics IS 'The same in every row, set by khala.register_topic: there are more than 32 topics, so that a plan for all read models would lock too many';

-- Of all topics together: a scrape would lock each sequence, and thousands of locks are more than there are.
DO $$
DECLARE
    v_counter record;
BEGIN
    FOR v_counter IN
        SELECT v.outcome, v.what
        FROM (
            VALUES
            ('rewritten', 'a version that was there with other content'), ('duplicate', 'what was there already'),
            ('stale_version', 'a version below the one that was there')
        ) AS v (outcome, what)
    LOOP
        EXECUTE pg_catalog.format('CREATE UNLOGGED SEQUENCE runtime.%I', 'sync_sinks_' || v_counter.outcome);
        EXECUTE pg_catalog.format(
            'COMMENT ON SEQUENCE runtime.%I IS %L', 'sync_sinks_' || v_counter.outcome, 'Counts sinks of ' || v_counter.what
        );
    END LOOP;
END
$$;

CREATE VIEW khala.sink_stats AS
SELECT
    'rewritten' AS outcome,
    CASE WHEN r.is_called THEN r.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_rewritten AS r
UNION ALL
SELECT
    'duplicate' AS outcome,
    CASE WHEN d.is_called THEN d.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_duplicate AS d
UNION ALL
SELECT
    'stale_version' AS outcome,
    CASE WHEN s.is_called THEN s.last_value ELSE 0 END AS sinks
FROM runtime.sync_sinks_stale_version AS s;
COMMENT ON VIEW khala.sink_stats IS 'Sinks by outcome, of all topics, since the server last recovered from a crash: rewritten, duplicate, stale_version, those rolled back among them. What was written, applied or rewritten, is in khala.topic_stats: heads. A standby cannot read it';
GRANT SELECT ON khala.sink_stats TO khala_dba;

COMMIT;
