BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(4);

DO $$ BEGIN PERFORM khala.register_topic('pgtap.earlier', p_ownership => 'public', p_writes => 'grouped'); END $$;

-- Of other sessions: tests/integration/sql/test_grouped.py.
SELECT is(
    khala_internal.has_earlier_writers('pgtap.earlier', pg_current_xact_id()), FALSE, 'nobody has staged anything'
);
DO $$ BEGIN PERFORM khala.sink('pgtap.earlier', 'k', 1, '{}'); END $$;
SELECT is(
    khala_internal.has_earlier_writers('pgtap.earlier', pg_current_xact_id()), FALSE, 'a transaction is not older than itself'
);
SELECT is(
    khala_internal.has_earlier_writers('pgtap.earlier', (pg_current_xact_id()::text::bigint + 1)::text::xid8), TRUE,
    'but than a later one'
);
SELECT is(
    khala_internal.has_earlier_writers('pgtap.other', (pg_current_xact_id()::text::bigint + 1)::text::xid8), FALSE,
    'writers of another topic do not count'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
