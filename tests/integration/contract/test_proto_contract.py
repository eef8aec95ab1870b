"""What the database, the relay and the HTTP side say is what proto/ says: parsed strictly, by the
committed descriptors, so that an unknown field, a wrong type or a lost number is a failure."""

import json
import re
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from google.protobuf import json_format

from khala_pg.canonical import canonical_bytes
from khala_pg.errors import WIRE_CODES
from khala_pg.proto_gen.openagents.sync.v1 import error_pb2, topic_pb2
from khala_pg.resources import db_dir
from support.postgres.databases import Database
from support.relay.client_relay import ORG, RUNS, TOPICS, running_relay, sink
from support.schema.function_files import function_files
from support.wire.caller import joined_when_ready
from support.wire.proto_reader import Json, Reader, wire_names


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader()


def one(database: Database, query: str, *values: Any) -> Any:
    with database.connect("relay") as connection:
        row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def filled(database: Database) -> Database:
    """Every kind of update: inline, rewritten, tombstone, pointer, beyond 2^53, somebody else's."""
    sink(database, "a", 1, {"n": 0.1, "s": "naïve \U0001f600", "o": {"l": [None, True, 1e21]}})
    sink(database, "a", 1, {"n": 2})
    sink(database, "b", 2**62, {"n": 1})
    sink(database, "c", 1, {"n": 1})
    sink(database, "c", 2, None)
    sink(database, "large", 1, {"text": "x" * 300 * 1024})
    sink(database, "theirs", 1, {"n": 1}, org="org-b")
    sink(database, "moved", 1, {"n": 1})
    sink(database, "moved", 2, {"n": 1}, org="org-b")
    return database


def test_replay_pages(filled: Database, read: Reader) -> None:
    for topic in (RUNS, "SYNC_TOPIC_RUNTIME_RUN_SUMMARIES"):
        text = one(filled, "SELECT page FROM khala.replay(%s, 0, %s)", topic, ORG)
        batch = read("UpdateBatch", text)
        assert {update.topic for update in batch.updates} == {topic}
        assert [update.watermark for update in batch.updates] == [1, 2, 3, 4, 5, 6, 8, 9]
        assert batch.updates[2].doc_version == 2**62
        assert [u.hydration_required for u in batch.updates].count(True) == 1
        assert [u.deleted for u in batch.updates].count(True) == 2
        assert all(len(u.payload_hash) == (0 if u.deleted else 32) for u in batch.updates)
        assert batch.covered_watermarks[0].watermark == 9
        assert batch.replay_complete
    empty = read("UpdateBatch", one(filled, "SELECT page FROM khala.replay(%s, 9, %s)", RUNS, ORG))
    assert empty.replay_complete
    assert not empty.updates


def test_feed_pages(filled: Database, read: Reader) -> None:
    with filled.connect("relay") as connection:
        rows = connection.execute(
            "SELECT update_text, page_tail FROM khala.replay_feed(%s, 0)", (RUNS,)
        ).fetchall()
    batch = read("UpdateBatch", '{"updates":[' + ",".join(row[0] for row in rows) + rows[0][1])
    assert len(batch.updates) == len(rows)


def same(text: Any, binary: Any) -> None:
    """The same batch in both forms: only the payload is another field."""
    for one_form, other in zip(text.updates, binary.updates, strict=True):
        assert one_form.HasField("payload") == bool(other.payload_json)
        if other.payload_json:
            assert not other.HasField("payload")
            assert sha256(other.payload_json).digest() == one_form.payload_hash
            payload = json_format.MessageToDict(one_form.payload)
            assert canonical_bytes(payload) == other.payload_json
        one_form.ClearField("payload")
        other.ClearField("payload_json")
    assert text == binary


@pytest.mark.parametrize("after", [0, 4, 9])
@pytest.mark.parametrize("topic", [RUNS, "SYNC_TOPIC_RUNTIME_RUN_SUMMARIES"])
def test_replay_pages_of_both_lanes(filled: Database, read: Reader, topic: str, after: int) -> None:
    arguments = (topic, after, ORG)
    text = one(filled, "SELECT page FROM khala.replay(%s, %s, %s)", *arguments)
    data = one(filled, "SELECT page FROM khala.replay_binary(%s, %s, %s)", *arguments)
    same(read("UpdateBatch", text), read.binary("UpdateBatch", data))


def test_feed_pages_of_both_lanes(filled: Database, read: Reader) -> None:
    with filled.connect("relay") as connection:
        text = connection.execute("SELECT * FROM khala.replay_feed(%s, 0)", (RUNS,)).fetchall()
        data = connection.execute(
            "SELECT * FROM khala.replay_feed_binary(%s, 0)", (RUNS,)
        ).fetchall()
    for left, right in zip(text, data, strict=True):
        assert left[:3] + left[5:] == right[:3] + right[5:]
    same(
        read("UpdateBatch", '{"updates":[' + ",".join(row[3] for row in text) + text[0][4]),
        read.binary("UpdateBatch", b"".join(row[3] for row in data) + data[0][4]),
    )


def test_snapshot_pages_and_documents(filled: Database, read: Reader) -> None:
    whole = read("SnapshotPage", one(filled, "SELECT page FROM khala.snapshot(%s, %s)", RUNS, ORG))
    assert [update.doc_key for update in whole.documents] == ["a", "b", "large"]
    assert whole.complete
    assert not whole.HasField("next_doc_key")
    first = read(
        "SnapshotPage", one(filled, "SELECT page FROM khala.snapshot(%s, %s, NULL, 1)", RUNS, ORG)
    )
    assert first.next_doc_key == "a"
    assert not first.complete
    document = read("Update", one(filled, "SELECT khala.hydrate(%s, 'large', %s)", RUNS, ORG))
    assert len(document.payload.struct_value.fields["text"].string_value) == 300 * 1024


def test_seeded_topics_are_those_of_the_enum(database: Database) -> None:
    with database.connect() as connection:
        seeded = dict(
            connection.execute("SELECT enum_name, topic FROM runtime.sync_topics").fetchall()
        )
    assert seeded == wire_names(topic_pb2.SyncTopic)


def test_cursor_checks_are_stale_topics(filled: Database, read: Reader) -> None:
    """Every row of check_cursors, and the DETAIL of the errors, are what the relay sends on."""
    with filled.connect("dba") as connection:
        connection.execute("SELECT khala.retain(p_horizon => '0')")
    given = [(0, None), (9, "other"), (10**6, None), (9, None)]
    reasons = []
    with filled.connect("relay") as connection:
        for after, epoch in given:
            row = connection.execute(
                "SELECT to_jsonb(c) FROM khala.check_cursors(%s, %s, %s) AS c",
                ([RUNS], json.dumps({RUNS: after}), epoch),
            ).fetchone()
            assert row is not None
            cursor = row[0]
            reasons.append(cursor["reason"])
            wire = {**cursor, "topic": cursor["name"], "reason": cursor["reason"] or ""}
            del wire["name"], wire["enum_name"], wire["stale"], wire["subset"]
            stale = read("StaleTopic", wire)
            assert (stale.topic, stale.resume_after, stale.head_watermark) == (RUNS, after, 9)
            read("TopicWatermark", {"topic": RUNS, "watermark": cursor["head_watermark"]})
            if not cursor["stale"]:
                continue
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(
                    "SELECT * FROM khala.replay(%s, %s, %s, p_epoch => %s)",
                    (RUNS, after, ORG, epoch),
                )
            assert refused.value.sqlstate in {"KH002", "KH003"}
            [detail] = json.loads(refused.value.diag.message_detail or "")
            assert read("StaleTopic", detail) == stale
    assert reasons == ["below_floor", "epoch_changed", "cursor_ahead", None]


def test_every_sqlstate_of_ours_has_a_code() -> None:
    sources = [*function_files(db_dir()), *(db_dir() / "deploy").glob("*.sql")]
    raised = {
        state for file in sources for state in re.findall(r"ERRCODE = '(\w+)'", file.read_text())
    } | {state for file in sources for state in re.findall(r"'(KH\d{3})'", file.read_text())}
    assert {state for state in raised if state.startswith("KH")} == set(WIRE_CODES)


def test_error_codes_are_those_of_the_enum(database: Database) -> None:
    assert set(WIRE_CODES.values()) <= set(wire_names(error_pb2.SyncErrorCode).values())
    for name, wire_name in wire_names(error_pb2.SyncErrorCode).items():
        assert name == f"SYNC_ERROR_CODE_{wire_name.upper()}"


async def test_what_the_relay_says(filled: Database, read: Reader) -> None:
    async with running_relay(filled.relay_dsn) as relay, joined_when_ready(relay) as caller:
        status, response = await caller.ask("phx_join", {})
        assert status == "ok"
        reply = read("JoinReply", response)
        assert list(reply.allowed_topics) == list(TOPICS)
        assert reply.limits.max_batch_updates > 0
        assert reply.epoch

        status, response = await caller.ask(
            "sync:subscribe", {"topics": [RUNS], "resume_after": {RUNS: 0}, "request_id": "r"}
        )
        subscribed = read("SubscribeReply", response)
        assert (status, subscribed.request_id) == ("ok", "r")
        assert list(subscribed.topics) == [RUNS]
        assert subscribed.current_watermarks[0].watermark == 0
        assert subscribed.head_watermarks[0].watermark == 9
        read("UpdateBatch", await caller.push("sync:update_batch"))
        status, response = await caller.ask("sync:heartbeat", {})
        beat = read("Heartbeat", response)
        assert beat.watermarks[0].topic == RUNS
        read("Heartbeat", await caller.push("sync:heartbeat"))
        status, response = await caller.ask("sync:refresh", {"token": relay.token()})
        refreshed = read("RefreshReply", response)
        assert (status, refreshed.expires_at.seconds > 0) == ("ok", True)
        status, response = await caller.ask("sync:unsubscribe", {"topics": [RUNS]})
        assert status == "ok"
        read("UnsubscribeReply", response)


REFUSED: list[tuple[Json, str]] = [
    ({"topics": []}, "bad_subscription"),
    ({}, "bad_subscription"),
    ({"topics": [RUNS], "resume_after": {RUNS: -1}}, "bad_subscription"),
    ({"topics": ["no.such"]}, "forbidden_topic"),
    ({"topics": [RUNS], "resume_after": {RUNS: 10**6}}, "stale_cursor"),
    ({"topics": [RUNS], "resume_after": {RUNS: 1}, "epoch": "other"}, "stale_cursor"),
    ({"topics": [RUNS], "resume_after": {RUNS: 0}}, "stale_cursor"),
]


async def test_errors_of_the_relay(filled: Database, read: Reader) -> None:
    with filled.connect("dba") as connection:
        connection.execute("SELECT khala.retain(p_horizon => '0')")
    codes = set(wire_names(error_pb2.SyncErrorCode).values())
    reasons = set()
    async with running_relay(filled.relay_dsn) as relay, joined_when_ready(relay) as caller:
        await caller.ask("phx_join", {})
        for request, code in REFUSED:
            status, response = await caller.ask("sync:subscribe", {**request, "request_id": "r"})
            error = read("SyncError", response)
            assert (status, error.code) == ("error", code), request
            assert error.message
            assert error.code in codes
            if code == "stale_cursor":
                assert error.full_resync_required
                assert error.stale_topics[0].topic == RUNS
                assert error.stale_topics[0].head_watermark == 9
                assert error.stale_topics[0].retention_floor == 10
                reasons.add(error.stale_topics[0].reason)
                read("SyncError", await caller.push("sync:error"))
            if code == "forbidden_topic":
                assert list(error.forbidden_topics) == ["no.such"]
        status, response = await caller.ask("sync:refresh", {"token": "nonsense"})
        assert (status, read("SyncError", response).code) == ("error", "unauthorized")
        status, response = await caller.ask("sync:nonsense", {})
        assert read("SyncError", response).code == "bad_subscription"
        await caller.garbage()
        pushed = read("SyncError", await caller.push("sync:error"))
        assert pushed.code == "bad_frame"
    assert reasons == set(wire_names(error_pb2.SyncStaleReason).values())


async def test_what_ends_a_live_topic(database: Database, read: Reader) -> None:
    sink(database, "a", 1, {"n": 1})
    async with running_relay(database.relay_dsn) as relay, joined_when_ready(relay) as caller:
        await caller.ask("phx_join", {})
        await caller.ask("sync:subscribe", {"topics": [RUNS]})
        read("UpdateBatch", await caller.push("sync:update_batch"))
        with database.connect("dba") as connection:
            connection.execute("SELECT khala.new_epoch()")
        stale = read("SyncError", await caller.push("sync:error"))
        assert (stale.code, stale.full_resync_required) == ("stale_cursor", True)
        assert stale.stale_topics[0].topic == RUNS
        assert (stale.stale_topics[0].resume_after, stale.stale_topics[0].reason) == (
            1,
            "epoch_changed",
        )

        await caller.ask("sync:subscribe", {"topics": [RUNS], "resume_after": {RUNS: 1}})
        narrow = relay.token(scopes=[TOPICS[1]])
        status, _ = await caller.ask("sync:refresh", {"token": narrow})
        assert status == "ok"
        forbidden = read("SyncError", await caller.push("sync:error"))
        assert (forbidden.code, list(forbidden.forbidden_topics)) == ("forbidden_topic", [RUNS])
