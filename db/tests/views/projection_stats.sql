BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

INSERT INTO runtime.projection_checkpoints (projection, entity_id, last_seq, drift_count, projection_version, summary_hash)
VALUES ('pgtap.p', 'a', 1, 2, 1, sha256('x')), ('pgtap.p', 'b', 1, 3, 1, sha256('x')), ('pgtap.q', 'b', 1, 0, 1, sha256('x'));
SELECT results_eq(
    $$ SELECT p.projection, p.drifted_entities, p.drift FROM khala.projection_stats AS p WHERE p.projection LIKE 'pgtap.%' $$,
    $$ VALUES ('pgtap.p', 2::bigint, 5::bigint) $$,
    'projections that have drifted, and no other'
);
SELECT is(has_table_privilege('khala_dba', 'khala.projection_stats', 'SELECT'), TRUE, 'administrators read it');
SELECT is(
    has_table_privilege('khala_relay', 'khala.projection_stats', 'SELECT') OR has_table_privilege('khala_runtime', 'khala.projection_stats', 'SELECT'),
    FALSE, 'relays and runtimes do not'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
