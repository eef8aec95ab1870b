"""Limits that a client can meet: what is at each passes, one more is answered as documented.

docs/reference/limits.md is written from the same `seen` that is compared here.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from khala_pg.auth.issuer import Identity
from khala_pg.limits import limits_of
from khala_pg.relay.settings import RelaySettings
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import (
    CHANNEL,
    NOTES,
    RUNS,
    RunningRelay,
    ready_relay,
    running_relay,
    writer,
)
from support.wire.rawsocket import CONT, PING, TEXT, frame, raw_socket

SEEN = {each.name: each.limit.seen for each in limits_of(RelaySettings) if each.limit.seen}
PASSES = "passes"
# What would take a slow or silent peer, and stands in a test of its own.
ELSEWHERE = {
    "max_write_buffer_bytes": "acceptance/test_slow_reader.py",
    "max_unsent_bytes": "integration/security/test_limits.py",
    "idle_timeout_s": "integration/relay/test_lifecycle.py",
    "open_timeout_s": "integration/security/test_limits.py",
    "drain_timeout_s": "integration/relay/test_lifecycle.py",
    "database_timeout_s": "integration/relay/test_hanging_database.py",
    "max_handshakes_per_second": "integration/security/test_limits.py",
    "max_handshakes_per_second_per_subject": "integration/security/test_limits.py",
    "max_requests_per_second": "unit/relay/wire/test_channel_requests.py",
    "max_messages_per_second": "unit/relay/wire/test_channel.py",
    "max_pending_handshakes_per_ip": "integration/security/test_limits.py",
}
Outcome = Awaitable[tuple[str, str]]
"""What is seen at the limit, and one further."""


async def opening(running: RunningRelay, token: str | None = None) -> str:
    """The outcome of an opening request."""
    try:
        async with connect(running.url(token)):
            return PASSES
    except InvalidStatus as refused:
        return f"{refused.response.status_code} `{json.loads(refused.response.body)['code']}`"


async def beside(running: RunningRelay, count: int, *tokens: str) -> tuple[str, str]:
    """Sockets of which `count` may be open at once."""
    given = iter(tokens or [running.token()] * (count + 1))
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(connect(running.url(next(given))))
        return PASSES, await opening(running, next(given))


async def connections(running: RunningRelay) -> tuple[str, str]:
    return await beside(running, 2)


async def subjects(running: RunningRelay) -> tuple[str, str]:
    tokens = [running.token(subject="ann")] * 3
    assert await opening(running, running.token(subject="bob")) == PASSES
    return await beside(running, 2, *tokens)


async def pending(running: RunningRelay) -> tuple[str, str]:
    port = urlsplit(running.addresses.ws).port
    # As many as may be open or about to open.
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            gone = await reader.read(1)
    except ConnectionError:
        gone = b""
    assert not any(each.at_eof() for each, _ in silent)
    for _, each in [*silent, (reader, writer)]:
        each.transport.abort()
    assert gone == b""
    return PASSES, "the connection ends without a response"


async def one_after_the_other(running: RunningRelay, token: str | None = None) -> tuple[str, str]:
    seen = [await opening(running, token) for _ in range(3)]
    assert seen[0] == seen[1]
    return PASSES, seen[2]


async def guesses(running: RunningRelay) -> tuple[str, str]:
    return await one_after_the_other(running, "guess")


async def tokens(running: RunningRelay) -> tuple[str, str]:
    async with http(running) as asking:
        answers = [await asking.post("/api/sync/token") for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    return PASSES, f"{answers[2].status_code} `{answers[2].json()['code']}`"


async def lightning_calls(running: RunningRelay) -> tuple[str, str]:
    path = "/api/internal/lightning-ops/control-plane/query"
    body = {"functionName": "none"}
    async with http(running, headers=bearer("secret")) as asking:
        answers = [await asking.post(path, json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [503, 503]
    return PASSES, f"{answers[2].status_code} `{answers[2].json()['error']['code']}`"


async def runtime_calls(running: RunningRelay) -> tuple[str, str]:
    async with http(running, headers=bearer(running.token())) as asking:
        answers = [await asking.get("/api/runtime/codex/workers") for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    return PASSES, f"{answers[2].status_code} `{answers[2].json()['error']['code']}`"


async def admin_calls(running: RunningRelay) -> tuple[str, str]:
    headers = bearer(running.token(scopes=("khala.admin",)))
    async with http(running, headers=headers) as asking:
        answers = [await asking.get("/api/admin/topics") for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    return PASSES, f"{answers[2].status_code} `{answers[2].json()['error']['code']}`"


async def by_nothing(request: Request) -> Identity:
    return Identity("ann", "org-a", (NOTES,))


async def heads(running: RunningRelay) -> tuple[str, str]:
    async def ask(size: int) -> str:
        parts = urlsplit(str(running.addresses.http))
        head = f"GET /healthz HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        rest = size - len(head) - len("p: \r\n\r\n")
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"{head}p: {'x' * rest}\r\n\r\n".encode())
        async with asyncio.timeout(20):
            said = await reader.readuntil(b"}" if size > 2000 else b"ok\n")
        writer.transport.abort()
        status = said.split()[1].decode()
        return (
            PASSES
            if status == "200"
            else f"{status} `{json.loads(said[said.index(b'{') :])['code']}`"
        )

    return await ask(2000), await ask(2001)


def padded(running: RunningRelay, size: int, event: str = "sync:heartbeat") -> str:
    text = json.dumps(["1", "9", CHANNEL, event, {"x": ""}])
    return text.replace('""', f'"{"x" * (size - len(text))}"')


async def requests(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        seen = []
        for size in (1000, 1001):
            await peer.socket.send(padded(running, size))
            reply = await peer.reply_to("9")
            seen.append(
                PASSES if reply["status"] == "ok" else f"reply `{reply['response']['code']}`"
            )
        return seen[0], seen[1]


async def messages(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        await peer.socket.send(padded(running, 1000))
        assert (await peer.reply_to("9"))["status"] == "ok"
        await peer.socket.send(padded(running, 1001))
        code, _ = await peer.closed()
        return PASSES, f"close {code}"


async def topics(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        await peer.subscribe(NOTES, RUNS)
        body = {"topics": [NOTES, RUNS, "runtime.codex_worker_summaries"]}
        at_once = await peer.ask_in_vain("sync:subscribe", body)
        later = await peer.ask_in_vain("sync:subscribe", {"topics": body["topics"][2:]})
        assert at_once["code"] == later["code"]
        return PASSES, f"reply `{later['code']}`"


async def subsets(running: RunningRelay) -> tuple[str, str]:
    def narrowed(topic: str, *keys: str) -> dict[str, Any]:
        return {"topics": [topic], "filters": {topic: {"keys": keys}}}

    async with running.joined() as peer:
        await peer.ask("sync:subscribe", narrowed(NOTES, "a" * 200))
        await peer.ask("sync:subscribe", narrowed(RUNS, "b" * 200))
        # What takes the place of another one counts alone.
        await peer.ask("sync:subscribe", narrowed(NOTES, "c" * 200))
        refused = await peer.ask_in_vain("sync:subscribe", narrowed(NOTES, "c" * 200, "d" * 200))
        await peer.ask("sync:unsubscribe", {"topics": [RUNS]})
        await peer.ask("sync:subscribe", narrowed(NOTES, "c" * 200, "d" * 200))
        return PASSES, f"reply `{refused['code']}`"


async def bad_frames(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        for _ in range(2):
            await peer.socket.send("nonsense")
            assert (await peer.event("sync:error"))["code"] == "bad_frame"
        await peer.ask("sync:heartbeat", {})
        await peer.socket.send("nonsense")
        code, frames = await peer.closed()
        [told] = [each[4]["code"] for each in frames if each[3] == "sync:error"]
        return PASSES, f"close {code}; push `{told}` for each"


async def request_burst(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        for _ in range(2):
            await peer.ask("sync:heartbeat", {})
        refused = await peer.ask_in_vain("sync:heartbeat", {})
        return PASSES, f"reply `{refused['code']}`"


async def message_burst(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        await peer.ask("sync:heartbeat", {})
        await peer.send("sync:heartbeat", {})
        code, frames = await peer.closed()
        return PASSES, f"push `{frames[-1][4]['code']}`, close {code}"


async def fragments(running: RunningRelay) -> tuple[str, str]:
    whole = json.dumps([None, "1", "phoenix", "heartbeat", {}]).encode()

    def split(count: int) -> bytes:
        return (
            frame(TEXT, whole, fin=False) + frame(CONT, b"", fin=False) * (count - 1) + frame(CONT)
        )

    async with raw_socket(running.url()) as raw:
        await raw.send(split(3))
        assert b"phx_reply" in await raw.reader.read(1000)
        await raw.send(split(4))
        return PASSES, f"close {await raw.close_code()}"


async def control_frames(running: RunningRelay) -> tuple[str, str]:
    async with raw_socket(running.url()) as raw:
        await raw.send(frame(PING, b"x") * 3)
        assert await raw.reader.readexactly(9)
        await raw.send(frame(PING, b"x") * 4)
        return PASSES, f"close {await raw.close_code()}"


async def batches(running: RunningRelay) -> tuple[str, str]:
    async with running.joined() as peer:
        await peer.subscribe(NOTES)
        _, pages = await peer.updates_until(3)
        assert [len(page["updates"]) for page in pages if page["updates"]] == [2, 1]
        return PASSES, "the next batch"


async def snapshots(running: RunningRelay) -> tuple[str, str]:
    async with http(running) as asking:
        path = f"/api/sync/snapshot/{NOTES}"
        page = (await asking.get(path, headers=bearer(running.token()))).json()
        assert (len(page["documents"]), page["complete"]) == (2, False)
        more = await asking.get(
            path,
            headers=bearer(running.token()),
            params={"after_doc_key": page["next_doc_key"], "watermark": page["watermark"]},
        )
        assert (len(more.json()["documents"]), more.json()["complete"]) == (1, True)
        return PASSES, "the next page"


@dataclass
class Case:
    outcome: Callable[[RunningRelay], Outcome]
    settings: dict[str, Any]


# A rate that lets nothing more come within a test.
SLOW = 0.001
CASES = {
    "max_snapshot_documents": Case(snapshots, {"max_snapshot_documents": 2}),
    # Three documents of 10,000 bytes: two fit, whatever the form of each costs.
    "max_snapshot_bytes": Case(snapshots, {"max_snapshot_bytes": 35_000}),
    "max_batch_updates": Case(batches, {"max_batch_updates": 2}),
    "max_batch_bytes": Case(batches, {"max_batch_bytes": 25_000}),
    "max_head_bytes": Case(heads, {"max_head_bytes": 2000}),
    "max_request_bytes": Case(requests, {"max_request_bytes": 1000}),
    "max_frame_bytes": Case(messages, {"max_frame_bytes": 1000}),
    "max_topics": Case(topics, {"max_topics": 2}),
    "max_subset_bytes": Case(subsets, {"max_subset_bytes": 600}),
    "max_connections": Case(connections, {"max_connections": 2}),
    "max_connections_per_ip": Case(connections, {"max_connections_per_ip": 2}),
    "max_connections_per_subject": Case(subjects, {"max_connections_per_subject": 2}),
    "max_pending_handshakes": Case(
        pending, {"max_connections": 1, "max_pending_handshakes": 3, "open_timeout_s": 60.0}
    ),
    "max_handshake_burst": Case(
        one_after_the_other, {"max_handshake_burst": 2, "max_handshakes_per_second": SLOW}
    ),
    "max_failed_handshakes_per_minute": Case(guesses, {"max_failed_handshakes_per_minute": 2}),
    "max_tokens_per_minute": Case(tokens, {"max_tokens_per_minute": 2}),
    # The relay's login of this test may not call it.
    "max_runtime_calls_per_minute": Case(runtime_calls, {"max_runtime_calls_per_minute": 2}),
    "max_admin_calls_per_minute": Case(admin_calls, {"max_admin_calls_per_minute": 2}),
    "max_lightning_calls_per_minute": Case(
        lightning_calls, {"max_lightning_calls_per_minute": 2, "lightning_ops_secret": "secret"}
    ),
    "max_bad_frames": Case(bad_frames, {"max_bad_frames": 2}),
    # The join is a request, and a message.
    "max_request_burst": Case(
        request_burst, {"max_request_burst": 3, "max_requests_per_second": SLOW}
    ),
    "max_message_burst": Case(
        message_burst, {"max_message_burst": 2, "max_messages_per_second": SLOW}
    ),
    "max_fragments": Case(fragments, {"max_fragments": 3}),
    "max_control_frames_per_second": Case(control_frames, {"max_control_frames_per_second": 6}),
}


def test_every_limit_that_a_client_can_meet_has_a_test() -> None:
    assert CASES.keys() | ELSEWHERE.keys() == SEEN.keys()
    assert not CASES.keys() & ELSEWHERE.keys()


@pytest.mark.parametrize("name", CASES)
async def test_a_limit_is_where_it_is_said_to_be(newest_database: Database, name: str) -> None:
    case = CASES[name]
    async with writer(newest_database) as write:
        await write.sink_many(3, text="x" * 10_000)
    async with running_relay(
        newest_database, authenticate_session=by_nothing, http_port=0, **case.settings
    ) as running:
        await ready_relay(running)
        assert await case.outcome(running) == (PASSES, SEEN[name])
