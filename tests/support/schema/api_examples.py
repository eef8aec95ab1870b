"""Calls of every function and view of schemas khala and lightning, and the scene they are made in.

A call names nothing but these schemas and constructs of the grammar, so that a session's search
path cannot change what the call itself means. Its result is the same each time in the same scene.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from psycopg.types.json import Json, Jsonb

from support.schema.example_calls import Call
from support.schema.example_calls import fails as _fails
from support.schema.example_calls import read as _read
from support.schema.example_calls import write as _write
from support.schema.lightning_examples import (
    CHANGING,
    LIGHTNING_EFFECTS,
    LIGHTNING_EXAMPLES,
    LIGHTNING_SCENE,
)

DOCUMENT: dict[str, Any] = {
    "é": None,
    "a\\b": 'quote " and\nnewline',
    "number": 1e300,
    "small": 1.5e-9,
    "digits": 0.1234567890123456,
    "nested": [[[[[[[[[[[[[[[[[{"z": 1, "a": [2.0, 1e21]}]]]]]]]]]]]]]]]]],
}
ASTRAL = '{"\uff5e": 1, "\U0001f600": 9007199254740992, "\U0010ffff": [true]}'
PLAIN = {"b": "x", "a": {"d": 1, "c": [1, 2]}, "n": 1.25}
LARGE = {"text": "x" * 100}

# Watermarks and versions of more than two bytes, and ages on both sides of a change of the clocks.
SCENE = (
    """
SELECT khala.ensure_epoch();
SELECT khala.register_topic('notes.mixed', p_ownership => 'mixed', p_inline_limit_bytes => 90,
    p_enum_name => 'SYNC_TOPIC_NOTES_MIXED');
SELECT khala.register_topic('notes.grouped', p_ownership => 'mixed', p_writes => 'grouped');
SELECT khala.register_topic('notes.empty', p_ownership => 'public');
UPDATE runtime.sync_topic_sequences SET head_watermark = 20000 WHERE topic = 'notes.mixed';
UPDATE runtime.sync_topic_retention SET retention_floor = 20001 WHERE topic = 'notes.mixed';
SET khala.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SELECT khala.sink('notes.mixed', 'é', 70000, '{"a": 1}', 'a');
RESET khala.traceparent;
SELECT khala.sink('notes.mixed', 'é', 70001, '{"a": 2, "é": "\\\\"}', 'b');
SELECT khala.sink('notes.mixed', 'public', 1, '{"n": [1.5e-9, 1e300]}');
SELECT khala.sink('notes.mixed', 'large', 1, jsonb_build_object('text', repeat('y', 100)), 'a');
SELECT khala.sink('notes.mixed', 'gone', 1, '{}', 'a');
SELECT khala.sink_delete('notes.mixed', 'gone', 2);
SELECT khala.sink('notes.mixed', 'public', 2, '{"n": 3}');
UPDATE runtime.sync_stream_events SET inserted_at = '2016-03-20 01:30:00+00'::timestamptz
    + (watermark - 20001) * interval '15 minutes' WHERE topic = 'notes.mixed';
SELECT khala.sink('notes.grouped', 'staged', 1, '{"n": 1e21}', 'a');
SELECT khala.sink_delete('notes.grouped', 'staged', 2);
SELECT khala.ingest_events('[
    {"entity": "run", "id": "é", "seq": 1, "type": "run.started", "org_id": "a",
     "occurred_at": "2016-03-04T05:06:07.5+02:00", "payload": {"title": "T", "command": ["x"]}},
    {"entity": "run", "id": "é", "seq": 2, "type": "run.progress", "payload": {"percent": 12.5}},
    {"entity": "run", "id": "ended", "seq": 1, "type": "run.finished", "org_id": "a",
     "occurred_at": "2016-03-27T02:30:00+02:00", "payload": {"exit_code": 1}},
    {"entity": "codex_worker", "id": "w", "seq": 1, "type": "worker.busy", "org_id": "a",
     "payload": {"task": "t"}, "occurred_at": "2016-03-04T05:06:07Z"}]');
SELECT khala.request_codex_worker('a', 'w', '{"a": 1}', 's', 'key');
SELECT khala.create_api_key('keykey01', sha256('s'), 'café', 's', 'a', ARRAY['notes.mixed'],
    '2100-01-02 03:04:05.678901+00');
UPDATE runtime.api_keys SET created_at = '2016-01-02 03:04:05.678901+00', last_used_at = now();
SELECT khala.set_flag('web', 'khala', 12.5, ARRAY['é']);
SELECT khala.start_parity_cycle(ARRAY['notes.mixed'], 1000);
-- The gates ask for a cycle of the last ten minutes: a run on a busy machine takes longer.
INSERT INTO runtime.parity_cycles (cycle, started_at, finished_at, sampled)
VALUES (-1, '2016-03-27 00:30:00+00', '2016-03-27 01:30:00+00', 1),
    (0, now(), now() + interval '1 day', 1);
INSERT INTO runtime.parity_counts SELECT c.cycle, 'notes.mixed', 'lag_drift', 1.5, 3
FROM runtime.parity_cycles AS c WHERE c.finished_at IS NOT NULL;
INSERT INTO runtime.parity_document_totals VALUES ('notes.mixed', 'none', 7);
SELECT khala.revoke('sub', 'é', '2100-01-02 03:04:05.678901+00', 'left');
SELECT khala.set_publisher('hook', 'webhook', 'http://hook.invalid/é');
SELECT khala.set_publisher_topic('hook', 'notes.mixed');
SELECT khala.publisher_next('hook', 2);
SELECT khala.set_publisher('backend', 'convex', 'http://backend.invalid');
SELECT khala.set_publisher_topic('backend', 'notes.mixed', 'notes:upsert');
INSERT INTO runtime.publisher_set_aside
VALUES ('hook', 'notes.mixed', 'é', 20001, 70000, FALSE, 3, 'no\\t so',
    '2016-01-02 03:04:05.678901+00');
UPDATE runtime.publisher_updates SET written_at = '2016-01-02 03:04:05.678901+00';
SELECT khala.create_page_link(sha256('link'), ARRAY['é', 'b']);
SELECT khala.create_page_link(sha256('used'), NULL, 'a');
SELECT khala.sign_in_page(sha256('used'), sha256('cookie'));
UPDATE runtime.page_sessions SET session_id = 'session',
    created_at = '2016-01-02 03:04:05.678901+00', signed_in_at = '2016-01-02 03:04:05+00',
    expires_at = '2100-01-02 03:04:05.678901+00'
WHERE cookie_hash IS NOT NULL;
INSERT INTO runtime.relay_reports VALUES ('é', '1.0', '2016-03-27 00:30:00+00',
    '2016-03-27 01:30:00.5+00', NULL, 3, '{"notes.mixed": 2}', 1, 70000);
INSERT INTO runtime.activity
SELECT now() + interval '1 day', v.topic, 5, 3, 70000, '{"0.001": 3, "0.0025": 4, "+Inf": 1}'
FROM (VALUES (''), ('notes.mixed')) AS v (topic);
CREATE TABLE public.plain_rows (id timestamptz PRIMARY KEY, org_id text, span interval, n numeric);
CREATE TABLE public.attached_rows (LIKE public.plain_rows INCLUDING ALL);
GRANT USAGE, CREATE ON SCHEMA public TO khala_dba;
ALTER TABLE public.plain_rows OWNER TO khala_dba;
ALTER TABLE public.attached_rows OWNER TO khala_dba;
SELECT khala.attach('public.attached_rows', '{id}', 'org_id', p_topic => 'notes.attached');
INSERT INTO public.attached_rows VALUES ('2016-03-04 05:06:07+02', 'a', '1 year 2 days', '1.10'),
    ('2016-03-04 05:06:07.5+00', NULL, NULL, 'NaN');
INSERT INTO runtime.attachment_set_aside
VALUES ('notes.attached', 'é', 'no\\t so', 2, '2016-01-02 03:04:05.678901+00',
    '2016-01-02 03:04:05.678901+00');
UPDATE runtime.attachments SET attached_at = '2016-01-02 03:04:05.678901+00';
"""
    + LIGHTNING_SCENE
)


FUTURE = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)
_OWN, _ALL = ["khala.admin"], ["khala.admin", "khala.admin.all"]
_ACTIVITY = "SELECT pg_catalog.json_extract_path(khala.admin_activity(%s, %s, %s), 'points')"
_COOKIE = sha256(b"cookie").digest()
_SINK = "SELECT * FROM khala.sink(%s, %s, %s, %s, %s, %s)"
_BATCH = "SELECT * FROM khala.sink_batch(%s, %s)"
_PAGES = (
    ("notes.mixed", 20000, "a", 200, 2097152, None, False),
    ("SYNC_TOPIC_NOTES_MIXED", None, "b", 2, 400, None, True),
    ("notes.mixed", 3, "b", 2, 400, None, True),
    ("notes.empty", 0, None, 200, 2097152, None, False),
    ("notes.mixed", 20000, "a", 200, 2097152, "another", False),
)
_FEEDS = (
    ("notes.mixed", 20000, 200, 2097152, None),
    ("notes.mixed", 20001, 2, 1, None),
    ("nothing", 0, 2, 1, None),
)


def _pages(
    function: str, arguments: tuple[tuple[Any, ...], ...], errors: Mapping[int, str]
) -> tuple[Call, ...]:
    return tuple(
        Call(
            f"SELECT * FROM khala.{function}({', '.join(['%s'] * len(each))})",
            each,
            error=errors.get(nth),
        )
        for nth, each in enumerate(arguments)
    )


EXAMPLES: Mapping[str, tuple[Call, ...]] = {
    "acknowledge_codex_worker_request": (
        _write(
            "SELECT khala.acknowledge_codex_worker_request('w', 2, 'done', %s)", Jsonb({"x": 1e-7})
        ),
        _fails("KH007", "SELECT khala.acknowledge_codex_worker_request('w', 1)"),
    ),
    "admin_activity": (
        _read(_ACTIVITY, "a", _ALL, None),
        _read(_ACTIVITY, "a", _ALL, "notes.mixed"),
        _fails("KH025", "SELECT khala.admin_activity(%s, %s)", "a", _OWN),
    ),
    "admin_documents": (
        _read(
            "SELECT pg_catalog.json_extract_path("
            "khala.admin_documents(%s, %s, 'notes.mixed', p_limit => 3), 'next')",
            *("a", _ALL),
        ),
        _read("SELECT khala.admin_documents(%s, %s, 'notes.mixed')", "a", _OWN),
        _fails("KH001", "SELECT khala.admin_documents(%s, %s, %s)", "a", _ALL, "no\\thing"),
        _fails("KH025", "SELECT khala.admin_documents(%s, %s, 'notes.mixed', 'b')", "a", _OWN),
    ),
    "admin_flags": (_read("SELECT khala.admin_flags(%s, %s)", "a", _ALL),),
    "admin_history": (
        _read("SELECT khala.admin_history(%s, %s, 'notes.mixed', 'large')", "a", _ALL),
        _read("SELECT khala.admin_history(%s, %s, 'notes.mixed', %s)", "a", _OWN, "é"),
        _fails("KH007", "SELECT khala.admin_history(%s, %s, 'notes.mixed', 'k', 5, 0)", "a", _ALL),
    ),
    "admin_organisations": (
        _read("SELECT khala.admin_organisations(%s, %s)", "a", _ALL),
        _read("SELECT khala.admin_organisations(%s, %s)", "a", _OWN),
    ),
    "admin_parity": (
        _read(
            "SELECT pg_catalog.json_extract_path(khala.admin_parity(%s, %s), 'topics')", "a", _ALL
        ),
    ),
    "admin_publishers": (
        _read(
            "SELECT pg_catalog.json_extract_path(khala.admin_publishers(%s, %s), 'set_aside')",
            *("a", _ALL),
        ),
    ),
    "admin_relays": (_read("SELECT khala.admin_relays(%s, %s)", "a", _ALL),),
    "admin_retention": (
        _read(
            "SELECT pg_catalog.json_extract_path("
            "khala.admin_retention(%s, %s), 'topics', '0', 'horizon_s')",
            *("a", _ALL),
        ),
    ),
    "admin_topics": (
        _read(
            "SELECT pg_catalog.json_extract_path("
            "khala.admin_topics(%s, %s), 'topics', '8', 'documents')",
            *("a", _ALL),
        ),
        _fails("KH025", "SELECT khala.admin_topics(%s, %s)", "a", ["notes.mixed"]),
    ),
    "append_codex_worker_event": (
        _write(
            "SELECT * FROM khala.append_codex_worker_event(%s, %s, %s, %s, %s, %s)",
            *("w", "worker.idle", Jsonb({"x": 1e-7}), "a", 2, "2016-03-04T05:06:07.123456+05:45"),
        ),
    ),
    "append_run_event": (
        _write(
            "SELECT * FROM khala.append_run_event(%s, %s, %s, %s, %s, %s)",
            *("new", "run.started", Jsonb({"title": "a\\b"}), "a", None, "1999-12-31 23:59:59+00"),
        ),
        _write(
            "SELECT * FROM khala.append_run_event(%s, %s, %s, p_occurred_at => %s)",
            *("é", "run.failed", Jsonb({}), "2016-03-04 05:06:08+00"),
        ),
        _fails(
            "KH009",
            "SELECT * FROM khala.append_run_event(%s, %s, p_seq => %s)",
            "é",
            "run.failed",
            9,
        ),
        _fails(
            "KH007",
            "SELECT * FROM khala.append_run_event(%s, %s, p_occurred_at => %s)",
            *("é", "run.failed", "20000-01-01 00:00:00+00"),
        ),
    ),
    "arm": (
        _write("SELECT * FROM khala.arm('notes.mixed', 20007)"),
        _write("SELECT * FROM khala.arm('SYNC_TOPIC_NOTES_MIXED', 20001)"),
    ),
    "archive_runs": (
        _read("SELECT runs, events, last_id FROM khala.archive_runs(%s, NULL, 9, TRUE)", FUTURE),
        _write("SELECT runs, events, last_id FROM khala.archive_runs(%s)", FUTURE),
        _fails("KH007", "SELECT khala.archive_runs(NULL)"),
    ),
    "attach": (
        _write("SELECT khala.attach('public.plain_rows', %s, 'org_id')", ["id"]),
        _write(
            "SELECT khala.attach('public.attached_rows', %s, 'org_id', %s, 'notes.attached')",
            *(["id"], ["n", "span"]),
        ),
        _fails("KH007", "SELECT khala.attach('public.plain_rows', %s, 'org_id')", ["no\\thing"]),
        _fails("KH006", "SELECT khala.attach('public.plain_rows', %s)", ["id"]),
    ),
    "attached_change": (_fails("0A000", "SELECT khala.attached_change()"),),
    "attachment_drift": (
        _read("SELECT pg_catalog.unnest(khala.attachment_drift('notes.attached'))"),
    ),
    "attachments": (
        _read("SELECT topic, table_name, state, rows_estimate, set_aside FROM khala.attachments"),
    ),
    "authenticate_api_key": (
        _read("SELECT * FROM khala.authenticate_api_key('keykey01', %s)", sha256(b"s").digest()),
        _read("SELECT * FROM khala.authenticate_api_key('keykey01', %s)", b"\\000s"),
    ),
    "canonical_json": (
        _read("SELECT khala.canonical_json(%s)", Jsonb(DOCUMENT)),
        _read("SELECT khala.canonical_json(%s)", ASTRAL),
        _read("SELECT khala.canonical_json(%s)", Jsonb(PLAIN)),
        _read(
            "SELECT khala.canonical_json(%s)",
            "[0.1000000000000000055511151231257827021181583404541015625, 1e23]",
        ),
        _fails("KH005", "SELECT khala.canonical_json('{\"n\": 1e999}')"),
        _fails("KH005", "SELECT khala.canonical_json('{\"n\": 0.10000000000000001}')"),
    ),
    "check_cursors": (
        _read(
            "SELECT * FROM khala.check_cursors(%s, %s, NULL, %s)",
            ["SYNC_TOPIC_NOTES_MIXED", "notes.empty"],
            Jsonb({"notes.mixed": 20001, "notes.empty": "9"}),
            ["notes.mixed", "notes.empty"],
        ),
        _read(
            "SELECT * FROM khala.check_cursors(%s, NULL, NULL, %s, %s)",
            ["notes.mixed", "notes.empty"],
            ["notes.mixed/é/", "notes.empty"],
            Jsonb({"notes.empty": {"keys": ["é", "\\"]}}),
        ),
        _fails("KH001", "SELECT * FROM khala.check_cursors(%s)", ["notes.mixed", "no\\thing"]),
    ),
    "codex_worker_requests": (
        _read("SELECT seq, action, request FROM khala.codex_worker_requests(%s)", "w"),
    ),
    "count_entities": (_read("SELECT khala.count_entities('run')"),),
    "create_api_key": (
        _write(
            "SELECT khala.create_api_key(%s, %s, %s, %s, %s, %s, %s) IS NOT NULL",
            *(
                "keykey02",
                bytes(range(32)),
                "l\\",
                "s",
                "a",
                ["notes.mixed"],
                "2100-01-02 03:04:05+00",
            ),
        ),
        _fails(
            "KH007",
            "SELECT khala.create_api_key(%s, %s, %s, %s, %s, %s, %s) IS NOT NULL",
            *("keykey02", b"short", "l", "s", "a", ["notes.mixed"], None),
        ),
    ),
    "create_page_link": (
        _write(
            "SELECT session_id IS NOT NULL FROM khala.create_page_link(%s, %s, %s, '1 hour')",
            *(sha256(b"new").digest(), ["a\\", "é"], "é"),
        ),
        _fails("KH007", "SELECT * FROM khala.create_page_link(%s)", b"short"),
    ),
    "current_epoch": (_read("SELECT khala.current_epoch()"),),
    "database_fingerprint": (_read("SELECT khala.database_fingerprint()"),),
    "end_page_session": (_write("SELECT khala.end_page_session()"),),
    "detach": (
        _write("SELECT khala.detach('notes.attached')"),
        _fails("KH007", "SELECT khala.detach(%s)", "no\\thing"),
    ),
    "ensure_epoch": (_write("SELECT khala.ensure_epoch()"),),
    "event_age": (_read("SELECT khala.event_age('notes.mixed', 20001) IS NULL"),),
    "finish_parity_cycle": (
        _write("SELECT * FROM khala.finish_parity_cycle(1, %s)", "it is do\\wn"),
        _fails("KH009", "SELECT * FROM khala.finish_parity_cycle(2)"),
    ),
    "flags_of": (
        _read("SELECT khala.flags_of('ann')"),
        _read("SELECT khala.flags_of(%s)", "é"),
        _fails("KH007", "SELECT khala.flags_of('')"),
    ),
    "get_codex_worker": (
        _read(
            "SELECT khala.get_codex_worker('a', %s) OPERATOR(pg_catalog.#>) '{worker,task}'", "w"
        ),
        _fails("KH023", "SELECT khala.get_codex_worker('b', 'w')"),
    ),
    "forget": (
        _write("SELECT * FROM khala.forget('notes.mixed', %s)", "é"),
        _write("SELECT * FROM khala.forget('notes.mixed', 'never')"),
        _write("SELECT * FROM khala.forget('notes.grouped', 'a')"),
        _fails("KH001", "SELECT * FROM khala.forget(%s, 'a')", "no\\thing"),
        _fails("KH008", "SELECT * FROM khala.forget('runtime.run_summaries', 'a')"),
    ),
    "grouped_topics": (_read("SELECT khala.grouped_topics()"),),
    "head_watermarks": (
        _read(
            "SELECT * FROM khala.head_watermarks(%s) ORDER BY topic", ["notes.mixed", "notes.empty"]
        ),
    ),
    "hydrate": (
        _read("SELECT khala.hydrate('notes.mixed', 'large', 'a')"),
        _read("SELECT khala.hydrate('notes.mixed', %s, 'b')", "é"),
        _read("SELECT khala.hydrate('notes.mixed', 'public', NULL)"),
    ),
    "ingest_events": (
        _write(
            "SELECT * FROM khala.ingest_events(%s)",
            '[{"entity": "run", "id": "new", "seq": 1, "type": "run.started", "org_id": "a",'
            ' "payload": {"title": "\\\\"}, "occurred_at": "2016-03-27T02:30:00.1234567+00:00"},'
            ' {"entity": "run", "id": "new", "seq": 2, "type": "run.finished",'
            ' "payload": {"exit_code": 1}, "occurred_at": "2016-10-30T02:30:00Z"}]',
        ),
        _fails(
            "KH007",
            "SELECT * FROM khala.ingest_events(%s)",
            '[{"entity": "run", "id": "new", "seq": 1, "type": "run.started",'
            ' "occurred_at": "2016-02-30T02:30:00Z"}]',
        ),
        _fails("KH007", "SELECT * FROM khala.ingest_events(%s)", '[{"entity": "run", "x\\\\": 1}]'),
    ),
    "judge_parity": (
        _write(
            "SELECT * FROM khala.judge_parity(1, %s, TRUE)",
            Jsonb(
                [
                    {"topic": "notes.mixed", "doc_key": "é", "summary": {"a": 1.0}},
                    {"topic": "notes.mixed", "doc_key": "public", "summary": {"n": 3}},
                    {"topic": "notes.mixed", "doc_key": "large", "summary": DOCUMENT},
                    {"topic": "notes.mixed", "doc_key": "gone", "summary": None},
                ]
            ),
        ),
        _fails("KH007", "SELECT * FROM khala.judge_parity(1, %s, TRUE)", Jsonb(["\\"])),
        _fails("KH009", "SELECT * FROM khala.judge_parity(2, '[]', TRUE)"),
    ),
    "list_api_keys": (
        _read("SELECT key_id, label, scopes, created_at, expires_at FROM khala.list_api_keys()"),
    ),
    "list_codex_worker_events": (
        _read(
            "SELECT khala.list_codex_worker_events('a', %s, 0, 1)"
            " OPERATOR(pg_catalog.->) 'latest_seq'",
            "w",
        ),
        _fails("KH020", "SELECT khala.list_codex_worker_events('a', 'w', -1)"),
    ),
    "list_codex_workers": (
        _read(
            "SELECT khala.list_codex_workers('a') OPERATOR(pg_catalog.#>>) '{workers,0,worker_id}'"
        ),
        _fails("KH020", "SELECT khala.list_codex_workers('a', %s)", "bu\\sy"),
    ),
    "get_document": (
        _read(
            "SELECT doc_version, watermark, org_id, deleted, payload"
            " FROM khala.get_document('notes.mixed', %s)",
            "é",
        ),
        _fails("KH001", "SELECT * FROM khala.get_document(%s, 'a')", "no\\thing"),
    ),
    "get_run": (
        _read("SELECT khala.get_run('a', %s) OPERATOR(pg_catalog.->) 'last_lines'", "é"),
        _fails("KH023", "SELECT khala.get_run('b', 'é')"),
    ),
    "list_run_events": (
        _read("SELECT khala.list_run_events('a', %s, 1) OPERATOR(pg_catalog.->) 'latest_seq'", "é"),
        _fails("KH020", "SELECT khala.list_run_events('a', 'é', -1)"),
    ),
    "list_flags": (_read("SELECT surface, lane, percent, people FROM khala.list_flags()"),),
    # What it marks depends on clocks: db/tests/api/runtime/mark_lost_runs.sql.
    "mark_lost_runs": (
        _write("SELECT khala.mark_lost_runs('0')"),
        _fails("KH007", "SELECT khala.mark_lost_runs('-1 hour')"),
    ),
    # What it marks depends on clocks: db/tests/api/workers/mark_stale_workers.sql.
    "mark_stale_workers": (
        _write("SELECT khala.mark_stale_workers()"),
        _fails("KH007", "SELECT khala.mark_stale_workers(0)"),
    ),
    "list_page_sessions": (
        _read("SELECT org_ids, signed_in_at, created_by FROM khala.list_page_sessions()"),
    ),
    "list_publishers": (
        _read(
            "SELECT pg_catalog.jsonb_path_query_array(khala.list_publishers(), %s)",
            "$[*].unread",
        ),
    ),
    "list_rows_set_aside": (
        _read("SELECT * FROM khala.list_rows_set_aside()"),
        _fails("KH007", "SELECT * FROM khala.list_rows_set_aside(%s)", "no\\thing"),
    ),
    "list_set_aside": (
        _read("SELECT * FROM khala.list_set_aside()"),
        _fails("KH007", "SELECT * FROM khala.list_set_aside(%s)", "no\\thing"),
    ),
    "list_revocations": (_read("SELECT kind, value, issued_until FROM khala.list_revocations()"),),
    "max_payload_bytes": (_read("SELECT khala.max_payload_bytes()"),),
    "new_epoch": (_write("SELECT khala.new_epoch(%s) IS NOT NULL", "re\\quested"),),
    "page_identity": (
        _read("SELECT * FROM khala.page_identity(%s, %s)", _COOKIE, "a"),
        _read("SELECT * FROM khala.page_identity(%s, NULL)", _COOKIE),
    ),
    "page_session": (_read("SELECT khala.page_session(%s)", _COOKIE),),
    "parity_gates": (
        _read("SELECT gate, is_met, allowed FROM khala.parity_gates()"),
        _fails("KH007", "SELECT * FROM khala.parity_gates('2 days')"),
    ),
    "parity_window": (
        _read(
            "SELECT cycles, failed, compared, mismatches, missing, unread, mismatch_rate,"
            " max_drift, p95_drift FROM khala.parity_window('23 hours')"
        ),
        _fails("KH007", "SELECT * FROM khala.parity_window('-1 hour')"),
    ),
    "open_publisher": (
        _write("SELECT * FROM khala.open_publisher('hook')"),
        _fails("KH007", "SELECT * FROM khala.open_publisher(%s)", "no\\thing"),
    ),
    "parse_payload": (
        _read("SELECT khala.parse_payload(%s)", ASTRAL),
        _fails("KH005", "SELECT khala.parse_payload(%s)", '{"a\\\\": {"b": 1, "b": 2}}'),
        _fails("KH005", "SELECT khala.parse_payload(%s)", '{"a": "\\ud800"}'),
        _fails("KH005", "SELECT khala.parse_payload(%s)", '{"a": 1e400}'),
    ),
    "payload_hash": (
        _read("SELECT khala.payload_hash(%s)", Jsonb(DOCUMENT)),
        _read("SELECT khala.payload_hash(%s)", ASTRAL),
    ),
    "payload_hash_text": (_read("SELECT khala.payload_hash_text(%s)", Jsonb(DOCUMENT)),),
    "project_codex_worker": (_write("SELECT * FROM khala.project_codex_worker('w')"),),
    "project_run": (_write("SELECT * FROM khala.project_run(%s)", "é"),),
    "projection_version": (_read("SELECT khala.projection_version()"),),
    # Identifiers are made of the epoch, which is another one in each database.
    "publisher_next": (
        _write(
            "SELECT state, wait_s IS NULL,"
            " pg_catalog.jsonb_path_query_array(updates::pg_catalog.jsonb, %s)"
            " FROM khala.publisher_next('backend', 9)",
            "$[*].payload",
        ),
        _write(
            "SELECT pg_catalog.jsonb_path_query_array(updates::pg_catalog.jsonb, %s)"
            " FROM khala.publisher_next('hook', 9, TRUE)",
            "$[*].doc_version",
        ),
        _write(
            "SELECT state FROM khala.publisher_next('hook', p_results => %s)",
            Jsonb([{"topic": "é", "doc_key": "é", "watermark": 20002, "outcome": "delivered"}]),
        ),
        _fails("KH007", "SELECT * FROM khala.publisher_next(%s)", "no\\thing"),
    ),
    "publisher_report": (
        _write(
            "SELECT * FROM khala.publisher_report('hook', %s)",
            Jsonb(
                [
                    {
                        "topic": "notes.mixed",
                        "doc_key": key,
                        "watermark": watermark,
                        "outcome": outcome,
                        "error": "no\\t so",
                        "retry_s": 1e-7,
                    }
                    for key, watermark, outcome in (
                        ("é", 20002, "delivered"),
                        ("large", 20004, "refused"),
                    )
                ]
            ),
        ),
        _fails("KH007", "SELECT * FROM khala.publisher_report('hook', %s)", Jsonb([{"a\\": 1}])),
    ),
    "query_documents": (
        _read(
            "SELECT doc_key, doc_version, watermark, org_id, payload"
            " FROM khala.query_documents('notes.mixed', p_where => %s)",
            ["$.n > 1e-10 || $.a == 2", '!($.a == "1\\\\")'],
        ),
        _read("SELECT doc_key FROM khala.query_documents('notes.mixed', p_newest => TRUE)"),
        _fails(
            "KH007", "SELECT * FROM khala.query_documents('notes.mixed', p_where => %s)", ["a\\"]
        ),
        _fails("KH001", "SELECT * FROM khala.query_documents(%s)", "no\\thing"),
    ),
    "rebuild_projection": (_write("SELECT * FROM khala.rebuild_projection('run', %s)", "é"),),
    "rebuild_projections": (_write("SELECT * FROM khala.rebuild_projections('run')"),),
    "remove_flag": (
        _write("SELECT khala.remove_flag('web')"),
        _fails("KH007", "SELECT khala.remove_flag(NULL)"),
    ),
    "request_codex_worker": (
        _write(
            "SELECT khala.request_codex_worker('a', 'w', %s, %s, %s)"
            " OPERATOR(pg_catalog.#-) '{request,requested_at}'",
            *(Jsonb({"x": 1e-7, "é": "a\\b"}), "é", "k\\"),
        ),
        _fails("KH021", "SELECT khala.request_codex_worker('a', 'w', '{}', 'ann', 'key')"),
    ),
    "stop_codex_worker": (
        _write(
            "SELECT khala.stop_codex_worker('a', 'w', %s, 's')"
            " OPERATOR(pg_catalog.#-) '{request,requested_at}'",
            "é",
        ),
        _fails("KH023", "SELECT khala.stop_codex_worker('b', 'w', NULL, 's')"),
    ),
    "register_topic": (
        _write(
            "SELECT khala.register_topic('notes.new', p_retention_horizon => '1 mon -1 day',"
            " p_writes => 'grouped')"
        ),
        _fails(
            "KH007", "SELECT khala.register_topic('notes.mixed', p_retention_horizon => '-1 hour')"
        ),
        _fails("KH007", "SELECT khala.register_topic(%s)", "no\\tes"),
        _read("SELECT khala.register_topic('notes.fixed')"),
    ),
    "register_attachment": (
        _write(
            "SELECT khala.register_attachment('public.attached_rows', %s, 'org_id', %s,"
            " 'notes.attached', NULL, FALSE)",
            *(["id"], None),
        ),
    ),
    "remove_attachment": (
        _write("SELECT khala.remove_attachment('notes.attached')"),
        _fails("KH007", "SELECT khala.remove_attachment(%s)", "no\\thing"),
    ),
    "remove_publisher": (
        _write("SELECT * FROM khala.remove_publisher('hook', 'notes.mixed')"),
        _write("SELECT * FROM khala.remove_publisher('backend')"),
        _fails("KH007", "SELECT * FROM khala.remove_publisher(%s)", "no\\thing"),
    ),
    "remove_topic": (
        _write("SELECT * FROM khala.remove_topic('notes.mixed')"),
        _write("SELECT * FROM khala.remove_topic('notes.grouped')"),
        _fails("KH008", "SELECT * FROM khala.remove_topic('runtime.run_summaries')"),
        _fails("KH001", "SELECT * FROM khala.remove_topic(%s)", "no\\thing"),
    ),
    "replay": _pages("replay", _PAGES, {2: "KH002", 4: "KH003"}),
    "replay_binary": _pages("replay_binary", _PAGES, {2: "KH002", 4: "KH003"}),
    "replay_feed": _pages("replay_feed", _FEEDS, {2: "KH001"}),
    "replay_feed_binary": _pages("replay_feed_binary", _FEEDS, {2: "KH001"}),
    # Seven days of any length before this are seven times 24 hours: clocks changed in between.
    "report_relay": (
        _write(
            "SELECT khala.report_relay(%s, '1', 1.5, 2, %s, 0, 10, %s) IS NOT NULL",
            *("new", Jsonb({"notes.mixed": 1}), Jsonb({"notes.mixed": {"0.001": 2}})),
        ),
        _fails("KH007", "SELECT khala.report_relay('', '1', 1, 2, '{}', 0, 10, '{}')"),
    ),
    "retain": (
        _write("SELECT * FROM khala.retain('notes.mixed', '2016-03-27 02:00:00+00')"),
        _write("SELECT * FROM khala.retain(NULL, '2100-01-01 00:00:00+00', '1 day', 2)"),
        _fails(
            "KH007", "SELECT * FROM khala.retain('notes.mixed', '2100-01-01 00:00:00+00', '-1 day')"
        ),
    ),
    "retry_set_aside": (_write("SELECT khala.retry_set_aside('hook', NULL, %s)", "é"),),
    "revocations": (_read("SELECT kind, value, issued_until FROM khala.revocations()"),),
    "revoke": (
        _write("SELECT khala.revoke('org', %s, '2100-01-02 03:04:05.678901+00') IS NULL", "a\\"),
        _write("SELECT khala.revoke('sub', %s, '-infinity') IS NULL", "é"),
    ),
    "revoke_api_key": (_write("SELECT khala.revoke_api_key('keykey01')"),),
    "schema_version": (_read("SELECT khala.schema_version()"),),
    "scopes_beyond": (_read("SELECT khala.scopes_beyond(%s, %s)", ["é", "notes.mixed"], ["é"]),),
    "sequence": (
        _write("SELECT * FROM khala.sequence('notes.grouped')"),
        _write("SELECT * FROM khala.sequence('notes.grouped', 1, TRUE)"),
        _write("SELECT * FROM khala.sequence('notes.mixed')"),
        _write("SELECT * FROM khala.sequence('notes.attached')"),
    ),
    "set_flag": (
        _write("SELECT * FROM khala.set_flag('mobile', 'khala', 0.5, %s)", ["b\\", "é", "a"]),
        _write("SELECT * FROM khala.set_flag('web', 'legacy')"),
        _fails("KH007", "SELECT * FROM khala.set_flag(%s)", "we\\b"),
    ),
    "set_publisher": (
        _write("SELECT * FROM khala.set_publisher('new', 'webhook', %s, TRUE)", "https://x/é"),
        _write("SELECT * FROM khala.set_publisher('hook', p_paused => TRUE)"),
        _fails("KH007", "SELECT * FROM khala.set_publisher(%s)", "ne\\w"),
    ),
    "set_publisher_topic": (
        _write("SELECT * FROM khala.set_publisher_topic('hook', 'notes.empty', %s)", "a\\b"),
        _write("SELECT * FROM khala.set_publisher_topic('backend', 'runtime.run_summaries')"),
        _fails(
            "KH007", "SELECT * FROM khala.set_publisher_topic('hook', 'notes.empty', %s)", "a b"
        ),
    ),
    "set_topic_schema": (
        _write(
            "SELECT khala.set_topic_schema('notes.mixed', %s, TRUE)",
            Json({"properties": {"é": {"pattern": r"^\w$"}}}),
        ),
        _write("SELECT khala.set_topic_schema('notes.mixed', NULL)"),
        _fails("KH007", "SELECT khala.set_topic_schema('notes.mixed', '{\"if\": 1}')"),
    ),
    "set_topic": (
        _write(
            "SELECT khala.set_topic('notes.mixed', 'inline', 9, '1 mon -1 day', 'public', 5)",
        ),
        _fails("KH007", "SELECT khala.set_topic('notes.mixed', %s)", "in\\line"),
    ),
    "set_topic_writes": (
        _write("SELECT khala.set_topic_writes('notes.mixed', 'grouped')"),
        _write("SELECT khala.set_topic_writes('notes.grouped', 'direct')"),
    ),
    "sign_in_page": (
        _write(
            "SELECT pg_catalog.json_extract_path(khala.sign_in_page(%s, %s), 'organisations')",
            *(sha256(b"link").digest(), sha256(b"new").digest()),
        ),
        _fails("KH007", "SELECT khala.sign_in_page(%s, %s)", _COOKIE, b"short"),
    ),
    "sign_out_page": (_write("SELECT khala.sign_out_page(%s)", _COOKIE),),
    "sink": (
        _write(_SINK, "notes.mixed", "new", None, Jsonb(DOCUMENT), "a", False),
        _write(_SINK, "notes.mixed", "é", 70002, ASTRAL, None, False),
        _write(_SINK, "notes.mixed", "é", 70001, Jsonb({"a": 2, "é": "\\"}), "b", False),
        _write(_SINK, "notes.mixed", "large", 70002, Jsonb(LARGE), "b", False),
        _write(_SINK, "notes.grouped", "new", 1, Jsonb(DOCUMENT), "a", False),
        _fails("KH007", _SINK, "notes.mixed", "ba\\d", -1, Jsonb(PLAIN), "a", False),
        _fails("KH005", _SINK, "notes.mixed", "bad", 1, '{"n": 0.10000000000000001}', "a", False),
    ),
    "sink_batch": (
        _write(
            _BATCH,
            "notes.mixed",
            Jsonb(
                [
                    {"doc_key": "k", "doc_version": 1, "payload": PLAIN, "org_id": "a"},
                    {"doc_key": "k", "doc_version": "20000", "payload": DOCUMENT, "org_id": "b"},
                    {"doc_key": "é", "doc_version": 70002, "deleted": True},
                    {"doc_key": "large", "payload": LARGE},
                ]
            ),
        ),
        _write(_BATCH, "notes.grouped", Jsonb([{"doc_key": "k\\", "payload": DOCUMENT}])),
        _fails(
            "KH005", _BATCH, "notes.mixed", Jsonb([{"doc_key": "k\\", "payload": {"n": 2**60 + 1}}])
        ),
    ),
    "sink_delete": (
        _write("SELECT * FROM khala.sink_delete('notes.mixed', %s, 70002)", "é"),
        _write("SELECT * FROM khala.sink_delete('notes.grouped', 'new', NULL)"),
    ),
    "snapshot": (
        _read("SELECT * FROM khala.snapshot('notes.mixed', 'a')"),
        _read("SELECT * FROM khala.snapshot('notes.mixed', 'b', NULL, 1, NULL, 1)"),
        _read("SELECT * FROM khala.snapshot('notes.mixed', 'b', NULL, 3, NULL, 1, NULL, TRUE)"),
        _read(
            "SELECT * FROM khala.snapshot('notes.mixed', 'a', p_subset => %s)",
            Jsonb({"lengths": [1], "marks": {"^é": None}}),
        ),
    ),
    "start_parity_cycle": (
        _write(
            "SELECT topic, doc_keys FROM khala.start_parity_cycle(%s, 1000)",
            ["notes.mixed", "notes.empty"],
        ),
        _fails("KH001", "SELECT * FROM khala.start_parity_cycle(%s)", ["no\\thing"]),
        _fails("KH007", "SELECT * FROM khala.start_parity_cycle('{}')"),
    ),
    "subsets_beyond": (
        _read(
            "SELECT khala.subsets_beyond(%s, %s)",
            '{"notes.mixed": {"lengths": [2], "marks": {"^é/": null}}, "notes.empty": null}',
            ["SYNC_TOPIC_NOTES_MIXED/é/", "notes.empty/x"],
        ),
    ),
    "telemetry": (
        _read(
            "SELECT pg_catalog.jsonb_path_query_array(khala.telemetry(), %s)",
            "$.parity.*[*].documents",
        ),
        _read(
            "SELECT pg_catalog.jsonb_path_query_array(khala.telemetry(), %s)",
            "$.topics[*].retention_horizon_s",
        ),
        _read(
            "SELECT pg_catalog.jsonb_path_query_array(khala.telemetry(), %s)",
            "$.topics[*].head_watermark",
        ),
    ),
    "topic_schemas": (
        _read("SELECT topic, source, schema FROM khala.topic_schemas()"),
        _fails("KH001", "SELECT khala.topic_schemas(%s)", ["no\\thing"]),
    ),
    "topic_holders": (_read("SELECT khala.topic_holders('notes.mixed')"),),
    "traces": (
        _read(
            "SELECT traceparent, first_watermark, last_watermark, updates"
            " FROM khala.traces('notes.mixed', 20000, 20009)"
        ),
    ),
    # Views.
    "parity_stats": (_read("SELECT * FROM khala.parity_stats"),),
    "projection_stats": (_read("SELECT * FROM khala.projection_stats"),),
    "publisher_stats": (
        _read(
            "SELECT publisher, state, topic, target, cursor_watermark, unread, waiting, in_flight,"
            " set_aside, resync_reason FROM khala.publisher_stats ORDER BY publisher, topic"
        ),
    ),
    "retention_stats": (
        _read(
            "SELECT topic, retention_floor, retention_horizon, last_purge_at, purges"
            " FROM khala.retention_stats ORDER BY topic"
        ),
    ),
    "sink_stats": (_read("SELECT outcome FROM khala.sink_stats"),),
    "topic_stats": (
        _read(
            "SELECT topic, head_watermark, retention_floor, rows, bytes, armed, staged_writes"
            " FROM khala.topic_stats ORDER BY topic"
        ),
    ),
    **LIGHTNING_EXAMPLES,
}

# What the calls left behind, without clocks, random names and what a sequence gives.
_CHANGING = f'"(heartbeat_at|latest_event_at|projected_at|updated_at)": ?"[^"]*"|{CHANGING}'
EFFECTS = (
    "SELECT topic, enum_name, read_model, payload_mode, inline_limit_bytes, retention_horizon,"
    " ownership, writes, json_schema, checked_schema FROM runtime.sync_topics ORDER BY topic",
    "SELECT * FROM runtime.sync_topic_sequences ORDER BY topic",
    "SELECT topic, retention_floor, purges, purged_events"
    " FROM runtime.sync_topic_retention ORDER BY topic",
    f"SELECT topic, regexp_replace(doc_key, '{_CHANGING}', ''), doc_version, watermark, deleted,"
    f" org_id, regexp_replace(payload::text, '{_CHANGING}', '', 'g'), payload_bytes,"
    f" CASE WHEN (payload::text ~ '{_CHANGING}') IS NOT TRUE THEN payload_hash END"
    " FROM runtime.sync_documents ORDER BY topic, watermark",
    f"SELECT topic, watermark, regexp_replace(doc_key, '{_CHANGING}', ''), doc_version, deleted,"
    " org_id, owner_changed, previous_org_id, traceparent,"
    f" regexp_replace(payload, '{_CHANGING}', '', 'g'), payload_bytes,"
    f" CASE WHEN (payload ~ '{_CHANGING}') IS NOT TRUE THEN payload_hash END"
    " FROM runtime.sync_stream_events ORDER BY topic, watermark",
    "SELECT topic, armed, taken FROM runtime.sync_topic_staging ORDER BY topic",
    "SELECT topic, doc_key, doc_version, deleted, org_id, traceparent, payload_hash, canonical,"
    " payload FROM runtime.sync_staged_writes ORDER BY topic, position",
    "SELECT kind, value, CASE WHEN value <> 'page:session' THEN issued_until END, reason"
    " FROM runtime.sync_revocations ORDER BY kind, value",
    "SELECT key_id, secret_hash, label, scopes, expires_at, revoked_at IS NULL"
    " FROM runtime.api_keys ORDER BY key_id",
    "SELECT count(*), max(reason) FROM runtime.sync_epochs",
    "SELECT kind, id, latest_seq, org_id FROM runtime.entities ORDER BY kind, id",
    "SELECT kind, id, seq, event_type, payload,"
    " CASE WHEN occurred_at < '2020-01-01' THEN occurred_at END"
    " FROM runtime.entity_events ORDER BY kind, id, seq",
    "SELECT id, org_id, latest_seq, summary - 'latest_event_at' FROM runtime.archived_runs",
    "SELECT run_id, seq, event_type, payload FROM runtime.archived_run_events ORDER BY run_id, seq",
    "SELECT projection, entity_id, last_seq, drift_count, version_offset, projection_version"
    " FROM runtime.projection_checkpoints ORDER BY projection, entity_id",
    "SELECT topic, doc_key, watermark, doc_version, seq, bare_hash"
    " FROM runtime.parity_samples WHERE topic = 'notes.mixed' ORDER BY cycle, doc_key",
    "SELECT topic, doc_key, reason, drift, khala_version, legacy_seq, khala_hash, legacy_hash"
    " FROM runtime.parity_mismatches ORDER BY cycle, topic, doc_key",
    "SELECT topic, reason, drift, documents FROM runtime.parity_counts"
    " ORDER BY cycle, topic, reason, drift",
    "SELECT topic, reason, documents FROM runtime.parity_document_totals ORDER BY topic, reason",
    "SELECT outcome, cycles FROM runtime.parity_cycle_totals ORDER BY outcome",
    *LIGHTNING_EFFECTS,
    "SELECT org_ids, first_org_id, valid_for, code_hash, cookie_hash FROM runtime.page_sessions"
    " ORDER BY code_hash, cookie_hash",
    "SELECT relay, connections, subscribers, sent_bytes FROM runtime.relay_reports ORDER BY relay",
    "SELECT topic, writes, connections, sent_bytes, lag FROM runtime.activity ORDER BY at, topic",
    "SELECT topic, key_columns, columns, recorded, key_sql, is_backfilled,"
    " backfill_after, backfilled_rows, sweep_after FROM runtime.attachments ORDER BY topic",
    "SELECT topic, row_key, reason, times FROM runtime.attachment_set_aside"
    " ORDER BY topic, row_key",
    "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger AS t INNER JOIN pg_class AS c"
    " ON t.tgrelid = c.oid WHERE t.tgname LIKE 'khala%' ORDER BY 1, 2",
    "SELECT publisher, kind, url, paused, failures FROM runtime.publishers ORDER BY publisher",
    "SELECT publisher, topic, target, delete_target, cursor_watermark, snapshot_key, resyncs,"
    " delivered, failed, refused FROM runtime.publisher_topics ORDER BY publisher, topic",
    "SELECT publisher, topic, doc_key, watermark, doc_version, state, attempts, deleted, error"
    " FROM runtime.publisher_updates ORDER BY publisher, topic, doc_key, watermark",
    "SELECT publisher, topic, doc_key, watermark, attempts, reason"
    " FROM runtime.publisher_set_aside ORDER BY publisher, topic, doc_key, watermark",
)
