"""Bad input gets a clear answer, loses nothing, and leaves the relay and the database at work.

Every entry of the two tables is sent to the same relay and the same database, one after the other.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from khala_pg.postgres_server import PostgresServer
from support.consistency import check_topic
from support.databases import Database, Template, cloned
from support.relay_process import QUICK, RelayProcess, relay_process
from support.relays import CHANNEL, NOTES, RUNS, Peer
from support.scale import scaled

ORG = "red"
OBJECT = '{"n": 1}'
BIG = json.dumps({"text": "x" * 300 * 1024})
LIMITS = {**QUICK, "max_bad_frames": 3}


@pytest.fixture(scope="module")
def database(
    newest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    """One database for all entries: what one does to it, the next one would feel."""
    with cloned(template_of(newest_server)) as made:
        with made.connect() as connection:
            connection.execute("SELECT khala.register_topic('test.strict', NULL, 'inline')")
            connection.execute("SELECT khala.register_topic('test.public', p_owned => FALSE)")
        yield made


@pytest.fixture(scope="module")
def relay(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    directory: Path = tmp_path_factory.mktemp("relay")
    with relay_process(database.relay_dsn, directory, LIMITS) as running:
        yield running
        assert running.process.poll() is None, "the relay did not survive"
        assert "Traceback" not in running.log_file.read_text()


def sink(database: Database, key: str, version: int, topic: str = NOTES) -> int:
    with database.connect("runtime") as connection:
        row = connection.execute(
            "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb)", [topic, key, version, OBJECT]
        ).fetchone()
    assert row is not None
    return int(row[0])


# --- What a runtime can do wrong ------------------------------------------------------------------

SINK = "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)"
SINK_TEXT = "SELECT khala.sink(%s, %s, %s, khala.parse_payload(%s), %s)"
BATCH = "SELECT * FROM khala.sink_batch(%s, %s::jsonb)"
GOOD = '{"doc_key": "good", "doc_version": 1, "payload": {}}'


def batch_of(bad: str) -> str:
    return f"[{GOOD}, {bad}]"


# Call, its arguments, SQLSTATE. 22P02, 22P05 and 22003 are Postgres's own, from its JSON parser.
REFUSED_SQL: dict[str, tuple[str, list[Any], str]] = {
    "unknown topic": (SINK, ["no.such_topic", "d", 1, OBJECT, None], "KH001"),
    "topic that is no name": (SINK, ["'; DROP TABLE x; --", "d", 1, OBJECT, None], "KH001"),
    "no topic": (SINK, [None, "d", 1, OBJECT, None], "KH001"),
    "negative version": (SINK, [NOTES, "d", -1, OBJECT, None], "KH007"),
    "no version": (SINK, [NOTES, "d", None, OBJECT, None], "KH007"),
    "empty key": (SINK, [NOTES, "", 1, OBJECT, None], "KH007"),
    "key of 513 characters": (SINK, [NOTES, "k" * 513, 1, OBJECT, None], "KH007"),
    "empty owner": (SINK, [NOTES, "d", 1, OBJECT, ""], "KH007"),
    "owner in a public topic": (SINK, ["test.public", "d", 1, OBJECT, ORG], "KH006"),
    "payload that is an array": (SINK, [NOTES, "d", 1, "[1]", None], "KH005"),
    "payload that is a text": (SINK, [NOTES, "d", 1, '"text"', None], "KH005"),
    "payload that is null": (SINK, [NOTES, "d", 1, "null", None], "KH005"),
    "no payload": (SINK, [NOTES, "d", 1, None, None], "KH005"),
    "1e400": (SINK, [NOTES, "d", 1, '{"n": 1e400}', None], "KH005"),
    "an integer no double holds": (SINK, [NOTES, "d", 1, '{"n": 9007199254740993}', None], "KH005"),
    "NaN to Postgres's parser": (SINK, [NOTES, "d", 1, '{"n": NaN}', None], "22P02"),
    "lone surrogate to Postgres's parser": (
        SINK,
        [NOTES, "d", 1, '{"s": "\\ud800"}', None],
        "22P02",
    ),
    "not JSON to Postgres's parser": (SINK, [NOTES, "d", 1, "{", None], "22P02"),
    "NaN": (SINK_TEXT, [NOTES, "d", 1, '{"n": NaN}', None], "KH005"),
    "Infinity": (SINK_TEXT, [NOTES, "d", 1, '{"n": -Infinity}', None], "KH005"),
    "1e400 as text": (SINK_TEXT, [NOTES, "d", 1, '{"n": 1e400}', None], "KH005"),
    "lone surrogate": (SINK_TEXT, [NOTES, "d", 1, '{"s": "\\ud800"}', None], "KH005"),
    "lone surrogate in a key": (SINK_TEXT, [NOTES, "d", 1, '{"\\udc00": 1}', None], "KH005"),
    "NUL": (SINK_TEXT, [NOTES, "d", 1, '{"s": "\\u0000"}', None], "KH005"),
    "a key twice": (SINK_TEXT, [NOTES, "d", 1, '{"a": 1, "a": 2}', None], "KH005"),
    "not JSON": (SINK_TEXT, [NOTES, "d", 1, "{", None], "KH005"),
    "300 KiB in a topic that is inline": (SINK, ["test.strict", "d", 1, BIG, None], "KH004"),
    "a batch that is no array": (BATCH, [NOTES, OBJECT], "KH007"),
    "a batch with a text": (BATCH, [NOTES, batch_of('"text"')], "KH007"),
    "a batch with a negative version": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": -1, "payload": {}}')],
        "KH007",
    ),
    "a batch with 1e400": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": 1, "payload": {"n": 1e400}}')],
        "KH005",
    ),
    "a batch with an unknown member": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": 1, "payload": {}, "ttl": 1}')],
        "KH007",
    ),
    "no watermarks": ("SELECT khala.allocate_watermark(%s, 0)", [NOTES], "KH007"),
}

REFUSED_READS: dict[str, tuple[str, list[Any], str]] = {
    "unknown topic": ("SELECT * FROM khala.replay(%s, 0, NULL)", ["no.such_topic"], "KH001"),
    "negative watermark": ("SELECT * FROM khala.replay(%s, -1, NULL)", [NOTES], "KH007"),
    "a watermark ahead": ("SELECT * FROM khala.replay(%s, 4000000000, NULL)", [NOTES], "KH003"),
    "pages of nothing": ("SELECT * FROM khala.replay(%s, 0, NULL, 0)", [NOTES], "KH007"),
    "pages of everything": ("SELECT * FROM khala.replay(%s, 0, NULL, 10000000)", [NOTES], "KH007"),
    "negative watermark in a feed": ("SELECT * FROM khala.replay_feed(%s, -1)", [NOTES], "KH007"),
    "a snapshot of an unknown topic": (
        "SELECT * FROM khala.snapshot(%s, NULL)",
        ["no.such_topic"],
        "KH001",
    ),
    "arming without a watermark": ("SELECT * FROM khala.arm(ARRAY[%s], '{}')", [NOTES], "KH007"),
    "arming an unknown topic": (
        "SELECT * FROM khala.arm(ARRAY[%s], '{0}')",
        ["no.such_topic"],
        "KH001",
    ),
    "a negative cursor": (
        """SELECT * FROM khala.check_cursors(ARRAY[%s], '{"runtime.notifications": -1}')""",
        [NOTES],
        "KH007",
    ),
}


@pytest.mark.parametrize("name", REFUSED_SQL)
def test_a_bad_write_is_refused_and_nothing_is_written(database: Database, name: str) -> None:
    query, values, sqlstate = REFUSED_SQL[name]
    with database.connect() as observer:
        before = check_topic(observer, NOTES).head
        role = None if "allocate" in query else "runtime"
        with database.connect(role) as connection:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(query, values)
            assert refused.value.sqlstate == sqlstate, refused.value
            if sqlstate.startswith("KH"):
                assert refused.value.diag.message_hint, "no hint says what to do"
        assert check_topic(observer, NOTES).head == before
        assert sink(database, "after a refusal", before + 1) == before + 1, "a watermark was lost"


@pytest.mark.parametrize("name", REFUSED_READS)
def test_a_bad_read_is_refused(database: Database, name: str) -> None:
    query, values, sqlstate = REFUSED_READS[name]
    with database.connect("relay") as connection:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(query, values)
        assert refused.value.sqlstate == sqlstate, refused.value
        assert refused.value.diag.message_hint


def test_a_payload_of_300_kib_is_delivered_as_a_pointer(
    database: Database, relay: RelayProcess
) -> None:
    """Too large for the wire is no error: the document is fetched instead."""
    with database.connect("runtime") as connection:
        row = connection.execute(
            "SELECT watermark, outcome FROM khala.sink(%s, 'big', 1, %s::jsonb, %s)",
            [RUNS, BIG, ORG],
        ).fetchone()
    assert row == (1, "applied")

    async def read() -> dict[str, Any]:
        async with Peer(relay.url(ORG)) as peer:
            await peer.join()
            await peer.subscribe(RUNS)
            updates, _ = await peer.updates_until(1, RUNS)
            return dict(updates[0])

    update = asyncio.run(read())
    assert update["hydration_required"] is True
    assert "payload" not in update
    answer = httpx.get(
        f"{relay.http}/api/sync/documents/{RUNS}/big",
        headers={"Authorization": f"Bearer {relay.token(ORG)}"},
        trust_env=False,
    )
    assert answer.status_code == 200
    assert answer.json()["payload"] == json.loads(BIG)


# --- What a client can do wrong -------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """A request with a ref: refused in the reply, whose response holds `code` or `reason`."""

    event: str
    payload: dict[str, Any]
    code: str
    topic: str = CHANNEL
    details: dict[str, Any] = field(default_factory=dict)


def subscribe(code: str, details: dict[str, Any] | None = None, **payload: Any) -> Answered:
    return Answered("sync:subscribe", payload, code, details=details or {})


ANSWERED: dict[str, Answered] = {
    "unknown topic": subscribe(
        "forbidden_topic", {"forbidden_topics": ["no.such_topic"]}, topics=[NOTES, "no.such_topic"]
    ),
    "topic out of scope": subscribe(
        "forbidden_topic", {"forbidden_topics": ["test.public"]}, topics=["test.public"]
    ),
    "negative watermark": subscribe("bad_subscription", topics=[NOTES], resume_after={NOTES: -1}),
    "negative watermark as text": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={NOTES: "-1"}
    ),
    "fractional watermark": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={NOTES: 1.5}
    ),
    "watermark that is a word": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={NOTES: "head"}
    ),
    "watermark that is true": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={NOTES: True}
    ),
    "watermark above all": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={NOTES: 2**63}
    ),
    "watermark ahead of the head": subscribe(
        "stale_cursor",
        {"full_resync_required": True},
        topics=[NOTES],
        resume_after={NOTES: 4_000_000_000},
    ),
    "another epoch": subscribe(
        "stale_cursor", topics=[NOTES], resume_after={NOTES: 0}, epoch="no such epoch"
    ),
    "cursor of a topic that is not asked for": subscribe(
        "bad_subscription", topics=[NOTES], resume_after={RUNS: 1}
    ),
    "cursors that are a number": subscribe("bad_subscription", topics=[NOTES], resume_after=5),
    "no topics": subscribe("bad_subscription"),
    "empty list of topics": subscribe("bad_subscription", topics=[]),
    "topics that are a text": subscribe("bad_subscription", topics=NOTES),
    "topic that is a number": subscribe("bad_subscription", topics=[1]),
    "one topic by both names": subscribe(
        "bad_subscription", topics=[NOTES, "SYNC_TOPIC_RUNTIME_NOTIFICATIONS"]
    ),
    "batches of nothing": subscribe("bad_subscription", topics=[NOTES], replay_batch_size=0),
    "300 KiB": subscribe("payload_too_large", topics=[NOTES], request_id="x" * 300 * 1024),
    "unknown event": Answered("sync:publish", {"topic": NOTES}, "bad_subscription"),
    "a token that is none": Answered("sync:refresh", {"token": "a.b.c"}, "unauthorized"),
    "no token": Answered("sync:refresh", {}, "bad_subscription"),
    "wrong channel": Answered("phx_join", {}, "unmatched topic", topic="sync:v2"),
    "request on a channel not joined": Answered(
        "sync:subscribe", {"topics": [NOTES]}, "unmatched topic", topic="room:lobby"
    ),
}

_REQUEST = f'["1","9","{CHANNEL}","sync:subscribe",'
# Messages that are no frames: dropped, and told by sync:error.
DROPPED: dict[str, str | bytes] = {
    "not JSON": "hello",
    "half a frame": _REQUEST,
    "empty": "",
    "an object": '{"event": "sync:subscribe"}',
    "an array of four": f'["1","9","{CHANNEL}","sync:subscribe"]',
    "an array of six": f'["1","9","{CHANNEL}","sync:subscribe",{{}},{{}}]',
    "payload that is an array": f"{_REQUEST}[]]",
    "payload that is null": f"{_REQUEST}null]",
    "payload that is a number": f"{_REQUEST}7]",
    "event that is a number": f'["1","9","{CHANNEL}",7,{{}}]',
    "ref that is a number": f'["1",9,"{CHANNEL}","sync:heartbeat",{{}}]',
    "NaN": f'{_REQUEST}{{"resume_after":{{"{NOTES}":NaN}}}}]',
    "Infinity": f'{_REQUEST}{{"resume_after":{{"{NOTES}":-Infinity}}}}]',
    "1e400": f'{_REQUEST}{{"resume_after":{{"{NOTES}":1e400}}}}]',
    "a number of 5,000 digits": f'{_REQUEST}{{"resume_after":{{"{NOTES}":{"9" * 5000}}}}}]',
    "lone surrogate": f'{_REQUEST}{{"topics":["\\ud800"]}}]',
    "lone surrogate in a key": f'{_REQUEST}{{"\\udfff":1}}]',
    "a key twice": f'{_REQUEST}{{"topics":[],"topics":["{NOTES}"]}}]',
    "100,000 brackets": "[" * 100_000,
    "a binary message": b"\x00\x01\x02",
}


async def joined_and_live(peer: Peer) -> None:
    await peer.join()
    await peer.subscribe(NOTES)
    await peer.event("sync:update_batch")
    peer.frames.clear()


async def still_delivers(peer: Peer, database: Database) -> None:
    """What was subscribed before is delivered after."""
    watermark = await asyncio.to_thread(_sink_next, database)
    updates, _ = await peer.updates_until(watermark)
    assert updates[-1]["watermark"] == watermark


def _sink_next(database: Database) -> int:
    with database.connect() as connection:
        head = check_topic(connection, NOTES).head
    return sink(database, "wire", head + 1)


@pytest.mark.parametrize("name", ANSWERED)
async def test_a_bad_request_is_answered(
    database: Database, relay: RelayProcess, name: str
) -> None:
    bad = ANSWERED[name]
    async with Peer(relay.url(ORG)) as peer:
        await joined_and_live(peer)
        join_ref = peer.join_ref
        ref = await peer.send(bad.event, bad.payload, bad.topic)
        reply = await peer.reply_to(ref)
        peer.join_ref = join_ref
        assert reply["status"] == "error"
        response = reply["response"]
        assert bad.code in {response.get("code"), response.get("reason")}, response
        if "code" in response:
            assert response["message"]
        assert bad.details.items() <= response.items()
        if bad.code == "stale_cursor":
            pushed = await peer.event("sync:error")
            assert pushed["code"] == "stale_cursor"
        await still_delivers(peer, database)


@pytest.mark.parametrize("name", DROPPED)
async def test_what_is_no_frame_is_dropped_and_told(
    database: Database, relay: RelayProcess, name: str
) -> None:
    async with Peer(relay.url(ORG)) as peer:
        await joined_and_live(peer)
        await peer.socket.send(DROPPED[name])
        told = await peer.event("sync:error")
        assert told["code"] == "bad_frame"
        assert told["message"]
        await still_delivers(peer, database)


async def test_a_few_of_them_close_the_socket(database: Database, relay: RelayProcess) -> None:
    async with Peer(relay.url(ORG)) as peer, Peer(relay.url(ORG)) as other:
        await joined_and_live(peer)
        await joined_and_live(other)
        for _ in range(int(LIMITS["max_bad_frames"])):
            await peer.socket.send("hello")
        code, _ = await peer.closed()
        assert code == 1002
        await still_delivers(other, database)


async def test_a_frame_of_20_mib_closes_its_socket_only(
    database: Database, relay: RelayProcess
) -> None:
    async with Peer(relay.url(ORG)) as peer, Peer(relay.url(ORG)) as other:
        await joined_and_live(peer)
        await joined_and_live(other)
        before = relay.rss_bytes()
        # The relay need not take all of it before it closes.
        with suppress(ConnectionClosed):
            await peer.socket.send("x" * 20 * 2**20)
        code, _ = await peer.closed()
        assert code == 1009
        assert relay.rss_bytes() - before < 8 * 2**20
        await still_delivers(other, database)


async def test_invalid_utf8_closes_its_socket_only(database: Database, relay: RelayProcess) -> None:
    async with Peer(relay.url(ORG)) as peer, Peer(relay.url(ORG)) as other:
        await joined_and_live(other)
        await peer.join()
        await peer.socket.send(b"\xff\xfe", text=True)
        code, _ = await peer.closed()
        assert code == 1007
        await still_delivers(other, database)


async def test_a_second_join_replaces_the_first(database: Database, relay: RelayProcess) -> None:
    async with Peer(relay.url(ORG)) as peer:
        await joined_and_live(peer)
        first = peer.join_ref
        await peer.join()
        closed = await peer.next(lambda frame: frame[3] == "phx_close")
        assert closed[0] == first
        assert closed[4] == {}
        # What the first had subscribed is over; what the outdated join asks for is ignored.
        second, peer.join_ref = peer.join_ref, first
        ignored = await peer.send("sync:heartbeat", {})
        peer.join_ref = second
        await peer.subscribe(NOTES)
        assert all(frame[1] != ignored for frame in peer.frames)
        await still_delivers(peer, database)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("vsn=2.0.0", 403),
        ("vsn=2.0.0&token=", 403),
        ("vsn=2.0.0&token=a.b.c", 403),
        ("vsn=1.0.0&token={token}", 403),
        ("vsn=3.0.0&token={token}", 403),
        ("vsn=2.0.0&token={token}x", 403),
    ],
)
async def test_no_token_no_socket(relay: RelayProcess, query: str, status: int) -> None:
    url = f"{relay.ws}?{query.format(token=relay.token(ORG))}"
    with pytest.raises(InvalidStatus) as refused:
        async with Peer(url):
            pass
    response = refused.value.response
    assert response.status_code == status
    assert json.loads(response.body or b"")["code"]


async def test_a_hail_of_rubbish_holds_nobody_up(database: Database, relay: RelayProcess) -> None:
    """Many sockets send everything above at once; one that behaves is served all the same."""
    rubbish = list(DROPPED.values())

    async def hail(number: int) -> None:
        async with Peer(relay.url(ORG)) as peer:
            with suppress(ConnectionClosed):
                for message in rubbish[number % 7 :: 7]:
                    await peer.socket.send(message)
                await peer.socket.send("x" * 2 * 2**20)
            await peer.closed()

    async with Peer(relay.url(ORG)) as peer:
        await joined_and_live(peer)
        async with asyncio.TaskGroup() as group:
            for number in range(scaled(20)):
                group.create_task(hail(number))
            for _ in range(5):
                await still_delivers(peer, database)
        await still_delivers(peer, database)
