"""Bad frames and requests get a clear answer, lose nothing, and leave the relay at work.

Every entry of the tables is sent to the same relay, one after the other.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.relay.relay_process import RelayProcess
from support.relay.relays import CHANNEL, NOTES, RUNS, Peer
from support.trials.scale import scaled

ORG = "red"
# As the relay of these tests is told.
MAX_BAD_FRAMES = 3
BIG = json.dumps({"text": "x" * 300 * 1024})


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
    "topic of blanks": subscribe("bad_subscription", topics=[" "]),
    "batches of less than nothing": subscribe(
        "bad_subscription", topics=[NOTES], replay_batch_size=-1
    ),
    "compact by a string": subscribe("bad_subscription", topics=[NOTES], compact="yes"),
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
    with database.connect("runtime") as connection:
        row = connection.execute(
            "SELECT watermark FROM khala.sink(%s, 'wire', %s, '{}')", [NOTES, head + 1]
        ).fetchone()
    assert row is not None
    return int(row[0])


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
        for _ in range(MAX_BAD_FRAMES):
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
