BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(13);

SELECT is(khala.scopes_beyond(v.requested, v.allowed), v.beyond, v.label)
FROM (
    VALUES
    ('{runtime.notifications}'::text[], '{runtime.notifications}'::text[], '{}'::text[], 'the same name'),
    ('{SYNC_TOPIC_RUNTIME_NOTIFICATIONS}', '{runtime.notifications}', '{}', 'the other name of an allowed topic'),
    ('{runtime.notifications}', '{SYNC_TOPIC_RUNTIME_NOTIFICATIONS}', '{}', 'and the other way round'),
    ('{lightning.operate}', '{lightning.operate}', '{}', 'a scope that is no topic'),
    (
        '{x,runtime.run_summaries,lightning.operate,runtime.notifications}', '{runtime.notifications}',
        '{x,runtime.run_summaries,lightning.operate}', 'unknown and foreign ones, in their order'
    ),
    ('{runtime.notifications}', NULL, '{runtime.notifications}', 'no scopes allow nothing'),
    (NULL, '{runtime.notifications}', '{}', 'nothing is requested'),
    ('{runtime.notifications/a/}', '{runtime.notifications}', '{}', 'a prefix of an allowed topic'),
    ('{SYNC_TOPIC_RUNTIME_NOTIFICATIONS/a/b}', '{runtime.notifications/a/}', '{}', 'one within an allowed prefix, by the other name'),
    ('{runtime.notifications}', '{runtime.notifications/a/}', '{runtime.notifications}', 'the topic, where a prefix is allowed'),
    ('{runtime.notifications/a}', '{runtime.notifications/a/}', '{runtime.notifications/a}', 'a shorter prefix'),
    ('{runtime.notifications/a/}', '{runtime.notifications/b/,runtime.run_summaries}', '{runtime.notifications/a/}', 'another prefix'),
    ('{lightning.operate/x}', '{lightning.operate}', '{lightning.operate/x}', 'only topics have prefixes')
) AS v (requested, allowed, beyond, label);

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
