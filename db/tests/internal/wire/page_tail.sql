BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(3);

SELECT is(
    khala_internal.page_tail('a.topic', TRUE, 7, 5),
    '],"replay_complete":true,"head_watermarks":[{"topic":"a.topic","watermark":7}],"covered_watermarks":[{"topic":"a.topic","watermark":5}]}',
    'what follows the updates'
);
SELECT is(
    ('{"updates":[' || khala_internal.page_tail('a.topic', FALSE, 9007199254740993, 9007199254740992))::jsonb,
    '{"updates":[],"replay_complete":false,"head_watermarks":[{"topic":"a.topic","watermark":"9007199254740993"}],"covered_watermarks":[{"topic":"a.topic","watermark":"9007199254740992"}]}'::jsonb,
    'large watermarks are strings'
);
SELECT is(
    (khala_internal.page_tail('SYNC_TOPIC_X', TRUE, 0, 0) LIKE '%"topic":"SYNC_TOPIC_X"%"topic":"SYNC_TOPIC_X"%'), TRUE,
    'the name is the one given'
);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
