BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(2);

SELECT is(
    khala_internal.page_scopes('{a}'),
    '{lightning.deployments,lightning.paywalls,lightning.security,lightning.settlements,runtime.codex_worker_summaries,runtime.notifications}'::text[]
    || '{runtime.run_summaries,lightning.operate,runtime.operate,khala.admin}'::text[],
    'topics, and scopes that are none'
);
SELECT is(khala_internal.page_scopes(NULL), khala_internal.page_scopes('{a}') || '{khala.admin.all}'::text[], 'for any organisation');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
