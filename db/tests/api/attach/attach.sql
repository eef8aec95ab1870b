BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(45);

CREATE TABLE public.pgtap_orders (id bigint PRIMARY KEY, org_id text, note text);
DO $$
BEGIN
    INSERT INTO public.pgtap_orders SELECT n, 'a', 'note ' || n FROM generate_series(1, 5) AS n;
    PERFORM khala.attach('public.pgtap_orders', '{id}', 'org_id', p_topic => 'pgtap.orders');
END
$$;
CREATE FUNCTION pg_temp.settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.orders') AS s) LOOP END LOOP;
END
$$;

SELECT results_eq(
    $$SELECT t.tgname::text COLLATE "default", t.tgenabled::text FROM pg_trigger AS t WHERE t.tgrelid = 'public.pgtap_orders'::regclass ORDER BY 1$$,
    $$VALUES ('khala_delete', 'O'), ('khala_insert', 'O'), ('khala_row', 'R'), ('khala_truncate', 'A'), ('khala_update', 'O')$$,
    'triggers of statements serve sessions, the one of rows serves replication, TRUNCATE is followed in both'
);
SELECT is((SELECT t.writes || ' ' || t.ownership FROM runtime.sync_topics AS t WHERE t.topic = 'pgtap.orders'), 'grouped owned', 'its topic is grouped and owned');
SELECT ok(has_table_privilege('khala_owner', 'public.pgtap_orders', 'SELECT'), 'khala_owner may read the table');
SELECT ok(NOT has_table_privilege('khala_owner', 'public.pgtap_orders', 'INSERT, UPDATE, DELETE, TRIGGER'), 'and no more');
SELECT lives_ok($$SELECT pg_temp.settle()$$, 'it is sequenced');
SELECT results_eq(
    $$SELECT d.doc_key COLLATE "default", d.doc_version, d.org_id, d.payload FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' AND d.doc_key < '3' ORDER BY 1$$,
    $$VALUES ('1', 1::bigint, 'a', '{"id": 1, "note": "note 1", "org_id": "a"}'::jsonb), ('2', 1, 'a', '{"id": 2, "note": "note 2", "org_id": "a"}')$$,
    'rows that were there are documents'
);
DO $$
BEGIN
    INSERT INTO public.pgtap_orders VALUES (6, 'b', 'new') ON CONFLICT DO NOTHING;
    INSERT INTO public.pgtap_orders VALUES (1, 'a', 'x') ON CONFLICT (id) DO UPDATE SET note = 'changed';
    UPDATE public.pgtap_orders SET id = 20 WHERE id = 2;
    UPDATE public.pgtap_orders SET org_id = 'b' WHERE id = 3;
    DELETE FROM public.pgtap_orders WHERE id = 4;
    UPDATE public.pgtap_orders SET note = note WHERE id = 5;
    PERFORM pg_temp.settle();
END
$$;
SELECT results_eq(
    $$SELECT d.doc_key COLLATE "default", d.doc_version, d.org_id, d.deleted, d.payload ->> 'note' FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' ORDER BY 1$$,
    $$VALUES ('1', 2::bigint, 'a', FALSE, 'changed'), ('2', 2, 'a', TRUE, NULL), ('20', 1, 'a', FALSE, 'note 2'), ('3', 2, 'b', FALSE, 'note 3'),
      ('4', 2, 'a', TRUE, NULL), ('5', 1, 'a', FALSE, 'note 5'), ('6', 1, 'b', FALSE, 'new')$$,
    'changes are documents; a changed key is a tombstone and a new document; what is the same is not written'
);
SELECT results_eq(
    $$SELECT e.owner_changed, e.previous_org_id FROM runtime.sync_stream_events AS e WHERE e.topic = 'pgtap.orders' AND e.doc_key = '3' ORDER BY e.watermark$$,
    $$VALUES (FALSE, NULL), (TRUE, 'a')$$, 'a changed organisation is a change of owner'
);
SELECT throws_ok(
    $$SELECT khala.sink('pgtap.orders', '5', NULL, '{"note": "of nobody"}', 'a')$$, 'KH008',
    'documents of topic pgtap.orders are the rows of an attached table', 'a document of another origin is refused'
);
SELECT throws_ok($$SELECT khala.sink_batch('pgtap.orders', '[{"doc_key": "5", "payload": {}, "org_id": "a"}]')$$, 'KH008', NULL, 'in a batch as well');
SELECT throws_ok($$SELECT khala.sink_delete('pgtap.orders', '5', NULL)$$, 'KH008', NULL, 'and its deletion');
DO $$ BEGIN TRUNCATE public.pgtap_orders; INSERT INTO public.pgtap_orders VALUES (5, 'a', 'after'); PERFORM pg_temp.settle(); END $$;
SELECT results_eq(
    $$SELECT d.doc_key COLLATE "default", d.payload ->> 'note' FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' AND NOT d.deleted$$,
    $$VALUES ('5', 'after')$$, 'TRUNCATE leaves the documents of rows that came after it'
);

SELECT is(khala.attach('public.pgtap_orders', '{id}', 'org_id', '{note}'), 'pgtap.orders', 'again, with other columns');
DO $$ BEGIN PERFORM pg_temp.settle(); END $$;
SELECT is((SELECT d.payload FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.orders' AND d.doc_key = '5'), '{"note": "after"}', 'all documents are made anew');
SELECT is((SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = 'public.pgtap_orders'::regclass), 5::bigint, 'with the same triggers');

CREATE TABLE public.pgtap_parts (a integer, b text, v integer, PRIMARY KEY (a, b)) PARTITION BY RANGE (a);
CREATE TABLE public.pgtap_part_1 PARTITION OF public.pgtap_parts FOR VALUES FROM (0) TO (10);
SELECT is(khala.attach('public.pgtap_parts', '{a,b}', p_topic => 'pgtap.parts', p_ownership => 'public'), 'pgtap.parts', 'a partitioned table');
CREATE TABLE public.pgtap_part_2 PARTITION OF public.pgtap_parts FOR VALUES FROM (10) TO (20);
SELECT results_eq(
    $$SELECT t.tgrelid::regclass::text, t.tgenabled::text FROM pg_trigger AS t WHERE t.tgname = 'khala_row' AND t.tgrelid::regclass::text LIKE '%pgtap_part\_%' ORDER BY 1$$,
    $$VALUES ('pgtap_part_1', 'R'), ('pgtap_part_2', 'A')$$, 'a later partition inherits the trigger of rows, for every session'
);
DO $$
BEGIN
    INSERT INTO public.pgtap_parts VALUES (1, 'x/y', 1), (11, '~', 1);
    INSERT INTO public.pgtap_part_1 VALUES (2, '', 1);
    INSERT INTO public.pgtap_part_2 VALUES (12, 'direct', 1);
    WHILE (SELECT s.state = 'more' FROM khala.sequence('pgtap.parts') AS s) LOOP END LOOP;
END
$$;
SELECT results_eq(
    $$SELECT d.doc_key COLLATE "default" FROM runtime.sync_documents AS d WHERE d.topic = 'pgtap.parts' ORDER BY d.doc_key$$,
    $$VALUES ('1/x~1y'), ('11/~0'), ('12/direct'), ('2/')$$, 'statements that name a partition, an old one or a new one, are followed'
);

CREATE TABLE public.pgtap_secured (id text PRIMARY KEY, org text);
ALTER TABLE public.pgtap_secured ENABLE ROW LEVEL SECURITY;
SELECT is(khala.attach('public.pgtap_secured', '{id}', 'org', p_topic => 'pgtap.secured'), 'pgtap.secured', 'a table with row security');
SELECT is(
    (SELECT p.polroles FROM pg_policy AS p WHERE p.polrelid = 'public.pgtap_secured'::regclass AND p.polname = 'khala_attach'),
    ARRAY['khala_owner'::regrole::oid], 'gets a policy for khala_owner'
);

CREATE TABLE public.pgtap_dotted ("k.doc_key" bigint PRIMARY KEY); -- noqa: RF05
DO $$
BEGIN
    INSERT INTO public.pgtap_dotted SELECT n FROM generate_series(1, 5) AS n;
    PERFORM khala.attach('public.pgtap_dotted', p_ownership => 'public');
    WHILE (SELECT s.state = 'more' FROM khala.sequence('public.pgtap_dotted', 2) AS s) LOOP END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'public.pgtap_dotted'), 5::bigint, 'a column whose name is in the statements');

CREATE TABLE public.pgtap_loose (id bigint, org text, k bigint UNIQUE, d bigint NOT NULL UNIQUE DEFERRABLE);
CREATE TABLE public."Pgtap_odd" (id bigint PRIMARY KEY, org text);
CREATE UNLOGGED TABLE public.pgtap_unlogged (id bigint PRIMARY KEY, org text);
CREATE VIEW public.pgtap_view AS SELECT o.id, o.org_id FROM public.pgtap_orders AS o;
CREATE TABLE public.pgtap_child () INHERITS (public.pgtap_loose);
SELECT throws_ok($$SELECT khala.attach(NULL, '{id}', 'org')$$, 'KH007', NULL, 'no table');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_loose', '{}', 'org')$$, 'KH007', NULL, 'an inherited one');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_view', '{id}', 'org_id')$$, 'KH007', NULL, 'a view');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_unlogged', '{id}', 'org')$$, 'KH007', NULL, 'an unlogged table');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_part_1', '{a,b}', NULL)$$, 'KH007', NULL, 'a partition');
SELECT throws_ok($$SELECT khala.attach('runtime.sync_topics', '{topic}', NULL)$$, 'KH007', NULL, 'a table of Khala');
DROP TABLE public.pgtap_child;
SELECT throws_ok($$SELECT khala.attach('public.pgtap_loose', '{id}', 'org')$$, 'KH007', NULL, 'no key');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_loose', '{k}', 'org')$$, 'KH007', NULL, 'a key that may be null');
CREATE SCHEMA pgtap_types;
CREATE TYPE pgtap_types.mood AS ENUM ('ok');
CREATE TABLE public.pgtap_moods (mood pgtap_types.mood PRIMARY KEY, org text);
SELECT throws_ok(
    $$SELECT khala.attach('public.pgtap_moods', p_org => 'org')$$, 'KH008', 'khala_owner may not use schema pgtap_types, which has the type of a key column of table public.pgtap_moods',
    'a type that khala_owner cannot name'
);
GRANT USAGE ON SCHEMA pgtap_types TO khala_owner;
DO $$
BEGIN
    PERFORM khala.attach('public.pgtap_moods', p_org => 'org');
    INSERT INTO public.pgtap_moods VALUES ('ok', 'a');
    WHILE (SELECT s.state = 'more' FROM khala.sequence('public.pgtap_moods') AS s) LOOP END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM runtime.sync_documents AS d WHERE d.topic = 'public.pgtap_moods'), 1::bigint, 'and one that it can');
CREATE TABLE public.pgtap_names (t regclass PRIMARY KEY, org text);
SELECT throws_ok($$SELECT khala.attach('public.pgtap_names', p_org => 'org')$$, 'KH007', NULL, 'a key whose text is the name of something');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_loose', '{d}', 'org')$$, 'KH007', NULL, 'a deferrable key');
SELECT throws_ok($$SELECT khala.attach('public."Pgtap_odd"', '{id}', 'org')$$, 'KH007', NULL, 'a name that is no topic');
SELECT is(khala.attach('public."Pgtap_odd"', '{id}', 'org', p_topic => 'pgtap.odd'), 'pgtap.odd', 'with a topic of another name');
SELECT throws_ok(
    $$SELECT khala.attach('public.pgtap_loose', p_org => 'org')$$, 'KH007', 'p_key names no column, and table public.pgtap_loose has no primary key', 'no primary key'
);
CREATE TABLE public.pgtap_pairs (a int, b int, org text, PRIMARY KEY (b, a) INCLUDE (org));
SELECT is(khala.attach('public.pgtap_pairs', p_org => 'org'), 'public.pgtap_pairs', 'without a key');
SELECT is((SELECT a.key_columns FROM khala.attachments AS a WHERE a.topic = 'public.pgtap_pairs'), '{b,a}', 'it is the primary key, in its order');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_orders', '{id}', 'org_id', p_topic => 'pgtap.odd')$$, 'KH008', NULL, 'a topic of another table');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_orders', '{id}', 'nothing')$$, 'KH007', NULL, 'an unknown column');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_orders', '{id}', 'org_id', '{}')$$, 'KH007', 'p_columns names no column', 'no column');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_orders', '{id}', 'org_id', '{id,NULL}')$$, 'KH007', 'p_columns names no column', 'nor a null one');
SELECT throws_ok($$SELECT khala.attach('public.pgtap_orders', '{id}')$$, 'KH006', NULL, 'no organisation in an owned topic');
CREATE ROLE pgtap_stranger;
GRANT khala_dba TO pgtap_stranger;
GRANT pgtap_stranger TO current_user;
SELECT throws_ok($$SET LOCAL ROLE pgtap_stranger; SELECT khala.attach('public.pgtap_orders', '{id}', 'org_id')$$, 'KH008', NULL, 'not the owner');
RESET ROLE;
SELECT ok(NOT has_function_privilege('khala_runtime', 'khala.attach(regclass, text[], text, text[], text, text, boolean, boolean)', 'EXECUTE'), 'khala_runtime may not');

SELECT t.line FROM finish() AS t (line);
ROLLBACK;
