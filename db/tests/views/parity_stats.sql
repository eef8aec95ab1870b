BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

INSERT INTO runtime.parity_document_totals (topic, reason, documents) VALUES ('pgtap.t', 'none', 5), ('pgtap.t', 'unread', 2);
SELECT results_eq(
    'SELECT p.topic, p.reason, p.documents FROM khala.parity_stats AS p WHERE p.topic = ''pgtap.t'' ORDER BY p.reason',
    $$VALUES ('pgtap.t', 'none', 5::bigint), ('pgtap.t', 'unread', 2)$$, 'the totals'
);
SELECT is(has_table_privilege('khala_dba', 'khala.parity_stats', 'SELECT'), TRUE, 'administrators read them');
SELECT is(
    has_table_privilege('khala_relay', 'khala.parity_stats', 'SELECT') OR has_table_privilege('khala_runtime', 'khala.parity_stats', 'SELECT'),
    FALSE, 'relays and runtimes do not'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
