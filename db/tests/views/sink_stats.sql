BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

SELECT set_eq(
    $$ SELECT s.outcome FROM khala.sink_stats AS s $$, ARRAY['rewritten', 'duplicate', 'stale_version'],
    'the outcomes that no row of the journal shows'
);
CREATE TEMP TABLE counted AS SELECT s.outcome, s.sinks FROM khala.sink_stats AS s;
DO $$
BEGIN
    PERFORM khala.register_topic('pgtap.sink_stats', p_ownership => 'mixed');
    PERFORM khala.sink('pgtap.sink_stats', 'k', 2, '{}', 'acme');
    PERFORM khala.sink('pgtap.sink_stats', 'k', 2, '{}', 'acme');
    PERFORM khala.sink('pgtap.sink_stats', 'k', 1, '{}', 'acme');
    PERFORM khala.sink('pgtap.sink_stats', 'k', 2, '{"a": 1}', 'acme');
END
$$;
SELECT results_eq(
    $$ SELECT s.outcome, s.sinks - c.sinks FROM khala.sink_stats AS s INNER JOIN counted AS c ON s.outcome = c.outcome
       ORDER BY s.outcome $$,
    $$ VALUES ('duplicate', 1::bigint), ('rewritten', 1), ('stale_version', 1) $$,
    'each is counted once'
);
SELECT is(has_table_privilege('khala_dba', 'khala.sink_stats', 'SELECT'), TRUE, 'administrators read it');
SELECT is(
    has_table_privilege('khala_relay', 'khala.sink_stats', 'SELECT') OR has_table_privilege('khala_runtime', 'khala.sink_stats', 'SELECT'),
    FALSE, 'relays and runtimes do not'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
