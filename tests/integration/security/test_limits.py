"""Hostile clients at the relay's edge: each is disconnected or refused, and others go on."""

import asyncio
import json
import logging
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from khala_pg.auth import keyring as keys
from khala_pg.auth.jwks import JwksSettings
from support.postgres.databases import Database
from support.relay.asking import bearer, http, refusal
from support.relay.relays import (
    CHANNEL,
    NOTES,
    Peer,
    RunningRelay,
    ready_relay,
    running_relay,
    writer,
)
from support.relay.scraping import scrape
from support.trials.waiting import until
from support.wire.rawsocket import BINARY, CONT, PING, TEXT, frame, raw_socket


@asynccontextmanager
async def with_bystander(database: Database, **limits: Any) -> AsyncIterator[RunningRelay]:
    """A relay and somebody on it who must notice nothing."""
    async with running_relay(database, **limits) as running:
        await ready_relay(running)
        async with running.joined(running.token(subject="bystander")) as bystander:
            yield running
            await bystander.ask("sync:heartbeat", {})
            assert await running.relay.unready() is None


async def test_one_address_has_so_many_sockets(newest_database: Database) -> None:
    async with running_relay(newest_database, max_connections_per_ip=2) as running:
        await ready_relay(running)
        async with running.open(), running.open():
            status, body, headers = await refusal(running.url())
            assert (status, body["code"]) == (429, "rate_limited")
            assert body["retry_after_ms"] > 0
            assert int(headers["retry-after"]) >= 1
        await open_again(running)


async def open_again(running: RunningRelay) -> None:
    """A socket opens when those before it are gone."""

    async def opens() -> bool:
        try:
            async with running.joined():
                return True
        except (InvalidStatus, OSError, InvalidMessage):
            return False

    await until(opens, "a socket opens again")


async def test_one_subject_has_so_many_sockets(newest_database: Database) -> None:
    async with running_relay(newest_database, max_connections_per_subject=1) as running:
        await ready_relay(running)
        async with running.joined(running.token(subject="ann")):
            status, body, headers = await refusal(running.url(running.token(subject="ann")))
            assert (status, body["code"], "retry-after" in headers) == (429, "rate_limited", True)
            # The same name in another organisation is somebody else.
            async with running.joined(running.token("org-b", subject="ann")):
                pass


async def test_addresses_behind_a_proxy_are_told_apart(newest_database: Database) -> None:
    limits: dict[str, Any] = {"max_connections_per_ip": 1, "trusted_proxies": ("127.0.0.1",)}
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)

        def behind(address: str) -> Any:
            return running.open(additional_headers={"X-Forwarded-For": f"6.6.6.6, {address}"})

        async with behind("1.1.1.1"), behind("2.2.2.2"):
            forged = {"X-Forwarded-For": "3.3.3.3, 1.1.1.1"}
            assert (await refusal(running.url(), additional_headers=forged))[0] == 429
    async with running_relay(newest_database, max_connections_per_ip=1) as running:
        await ready_relay(running)
        async with running.open():
            forged = {"X-Forwarded-For": "9.9.9.9"}
            assert (await refusal(running.url(), additional_headers=forged))[0] == 429


async def test_guessing_tokens_is_slowed_down(newest_database: Database) -> None:
    async with running_relay(newest_database, max_failed_handshakes_per_minute=3) as running:
        await ready_relay(running)
        answers = [(await refusal(running.url("guess")))[:2] for _ in range(4)]
        assert [status for status, _ in answers] == [403, 403, 403, 429]
        assert 0 < answers[-1][1]["retry_after_ms"] <= 20_000


async def test_opening_requests_beyond_the_rate_are_spread(newest_database: Database) -> None:
    limits: dict[str, Any] = {"max_handshakes_per_second": 2, "max_handshake_burst": 1}
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)
        async with running.open():
            told = [await refusal(running.url()) for _ in range(3)]
        assert {(status, body["code"]) for status, body, _ in told} == {(503, "rate_limited")}
        waits = [body["retry_after_ms"] for _, body, _ in told]
        assert waits == sorted(waits)
        assert waits[-1] > waits[0] + 500


async def test_strangers_take_no_place_from_those_who_have_a_token(
    newest_database: Database,
) -> None:
    limits: dict[str, Any] = {"max_handshakes_per_second": 0.01, "max_handshake_burst": 2}
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)
        for token in ["guess"] * 5:
            assert (await refusal(running.url(token)))[0] == 403
        async with running.joined(), running.joined():
            status, body, _ = await refusal(running.url())
            assert (status, body["code"]) == (503, "rate_limited")
            assert body["retry_after_ms"] <= 100_000


async def test_one_subject_does_not_use_up_the_rate_of_all(newest_database: Database) -> None:
    limits: dict[str, Any] = {
        "max_connections_per_subject": 2,
        "max_handshakes_per_second_per_subject": 0.01,
    }
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)
        for _ in range(2):
            async with running.open(running.token(subject="ann")):
                pass

        async def is_refused_for_its_rate() -> bool:
            # Its last socket may not be quite gone: that is another reason to be refused.
            _, body, _ = await refusal(running.url(running.token(subject="ann")))
            return "opens too many" in body["message"] and body["code"] == "rate_limited"

        await until(is_refused_for_its_rate, "the subject's own rate refuses it")
        async with running.joined(running.token(subject="bob")):
            pass


@asynccontextmanager
async def slow_key_set(answer: asyncio.Event, document: dict[str, Any]) -> AsyncIterator[str]:
    """The URL of a key set that nobody gets before `answer` is set."""
    body = json.dumps(document).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_who_leaves_while_his_token_is_looked_into_takes_no_place(
    newest_database: Database,
) -> None:
    key, issuer, answer = Ed25519PrivateKey.generate(), "https://issuer.example", asyncio.Event()
    public = {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "theirs"}
    async with slow_key_set(answer, {"keys": [public]}) as url:
        theirs = JwksSettings(issuer, url, min_refresh_s=0.001, miss_s=0.001)
        async with running_relay(
            newest_database,
            replace(keys.generate(), jwks=(theirs,)),
            max_connections_per_subject=1,
            metrics_port=0,
        ) as running:
            await ready_relay(running)
            claims = jwt.decode(running.token(), options={"verify_signature": False})
            token = jwt.encode(
                {**claims, "iss": issuer}, key, algorithm="EdDSA", headers={"kid": "theirs"}
            )
            where = urlsplit(running.url(token))
            _, leaving = await asyncio.open_connection(where.hostname, where.port)
            leaving.write(
                f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: YWFhYWFhYWFhYWFhYWFhYQ==\r\n\r\n".encode()
            )

            async def counted(name: str, **labels: str) -> bool:
                return (await scrape(running)).value(name, **labels) == 1

            leaving.close()
            failed = "khala_handshakes_failed_total"
            await until(lambda: counted(failed, reason="unanswered"), "it has left")
            answer.set()

            async def opens() -> bool:
                try:
                    async with running.joined(token):
                        return True
                except InvalidStatus:
                    return False

            await until(opens, "its subject may open one")


async def test_origins(newest_database: Database) -> None:
    async with running_relay(newest_database, origins=("https://app.example",)) as running:
        await ready_relay(running)
        for origin in ("https://app.example", "http://localhost:3000", "http://127.0.0.1:1"):
            async with running.joined(origin=origin):
                pass
        for origin in ("https://evil.example", "null"):
            status, body, _ = await refusal(running.url(), origin=origin)
            assert (status, body["code"]) == (403, "forbidden_origin")


@pytest.mark.parametrize("side", ["ws", "http"])
@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n", b"\x16\x03\x01"])
async def test_a_slow_loris_is_cut_off(newest_database: Database, side: str, said: bytes) -> None:
    async with with_bystander(newest_database, open_timeout_s=0.5, http_port=0) as running:
        url = running.addresses.ws if side == "ws" else str(running.addresses.http)
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        writer.write(said)
        started = time.monotonic()

        async def drip() -> None:
            while True:
                writer.write(b"X")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        try:
            async with asyncio.timeout(10):
                # The answer, if there is one, and then the end.
                while await reader.read(1000):
                    pass
        except ConnectionError:
            pass
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
            writer.transport.abort()
        assert time.monotonic() - started < 5


async def test_connections_that_say_nothing_are_bounded_in_number(
    newest_database: Database,
) -> None:
    limits: dict[str, Any] = {
        "max_connections": 2,
        "max_pending_handshakes": 3,
        "open_timeout_s": 30,
    }
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)
        port = urlsplit(running.addresses.ws).port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        reader, last = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(5):
                await reader.readexactly(1)
        for _, writer in [*silent, (reader, last)]:
            writer.transport.abort()
        await open_again(running)


@pytest.mark.parametrize("side", ["ws", "http"])
async def test_one_address_cannot_hold_all_connections(
    newest_database: Database, side: str
) -> None:
    limits: dict[str, Any] = {
        "max_connections_per_ip": 1,
        "max_pending_handshakes_per_ip": 2,
        "open_timeout_s": 30,
        "http_port": 0,
    }
    async with running_relay(newest_database, **limits) as running:
        await ready_relay(running)
        url = running.addresses.ws if side == "ws" else str(running.addresses.http)
        port = urlsplit(url).port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, last = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(5):
                await reader.readexactly(1)
        last.transport.abort()
        # Another address of this machine is somebody else.
        other, writing = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=("127.0.0.2", 0)
        )
        writing.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 200 " in await other.readuntil(b"\r\n")
        for _, each in [*silent, (other, writing)]:
            each.transport.abort()


async def test_a_flood_of_snapshots_does_not_hold_up_what_is_live(
    newest_database: Database,
) -> None:
    """However many HTTP requests wait for the database, a feed gets a connection at once."""
    async with (
        running_relay(newest_database, http_port=0, pool_size=4) as running,
        writer(newest_database) as write,
        asyncio.TaskGroup() as group,
    ):
        await ready_relay(running)
        async with (
            running.joined() as peer,
            await psycopg.AsyncConnection.connect(newest_database.dsn) as blocking,
            http(running, timeout=60) as asking,
        ):
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            # Whoever reads documents waits for this lock; the journal is another table.
            await blocking.execute("LOCK TABLE runtime.sync_documents IN ACCESS EXCLUSIVE MODE")
            path = f"/api/sync/documents/{NOTES}/d1"
            waiting = [
                group.create_task(asking.get(path, headers=bearer(running.token())))
                for _ in range(30)
            ]

            async def some_wait() -> bool:
                cursor = await write.connection.execute(
                    "SELECT count(*) FROM pg_catalog.pg_stat_activity"
                    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                return await cursor.fetchone() != (0,)

            await until(some_wait, "requests wait for the lock")
            assert not any(task.done() for task in waiting)
            for _ in range(5):
                # A request of a socket needs the database as well, within its time limit.
                await peer.subscribe(NOTES)
            await blocking.rollback()
            for task in waiting:
                assert (await task).status_code == 404


async def test_who_asks_and_does_not_read_is_dropped(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "khala.relay")
    limits: dict[str, Any] = {
        "max_unsent_bytes": 500_000,
        "max_batch_bytes": 30_000_000,
        "idle_timeout_s": 600.0,
    }
    async with writer(newest_database) as write:
        await write.sink_many(120, text="x" * 200_000)
    async with (
        with_bystander(newest_database, **limits) as running,
        raw_socket(running.url()) as raw,
    ):
        for event, payload in [("phx_join", {}), ("sync:subscribe", {"topics": [NOTES]})]:
            text = json.dumps(["1", "1", CHANNEL, event, payload])
            await raw.send(frame(TEXT, text.encode()))
        # Nothing is read; the relay ends it by itself.
        await until(lambda: "reason=unread" in caplog.text, "the relay drops the socket")
        await until(lambda: running.relay.unsent_bytes < 500_000, "what it held is given up")


async def test_the_largest_payload_is_announced_and_comes_whole(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.register_topic('limits.small', p_ownership => 'mixed')")
        connection.execute(
            "SELECT khala.register_topic('limits.large', p_ownership => 'mixed',"
            " p_inline_limit_bytes => 16777216)"
        )
    text = "x" * 3_000_000
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        for topic in ("limits.small", "limits.large"):
            await write.sink("d1", payload={"text": text}, topic=topic)
        scopes = ("limits.small", "limits.large")
        async with running.open(running.token(scopes=scopes)) as peer:
            assert (await peer.join())["limits"]["max_payload_bytes"] == 16_777_216
            await peer.subscribe(*scopes)
            [[large], _] = await peer.updates_until(1, "limits.large")
            assert large["payload"] == {"text": text}
        async with running.joined(running.token(scopes=scopes)) as peer:
            await peer.subscribe("limits.small")
            [[small], _] = await peer.updates_until(1, "limits.small")
            assert (small["hydration_required"], "payload" in small) == (True, False)


async def test_a_compression_bomb(newest_database: Database) -> None:
    async with (
        with_bystander(newest_database, compression=True) as running,
        raw_socket(running.url(), "permessage-deflate") as raw,
    ):
        assert b"permessage-deflate" in raw.head
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packer.compress(b"0" * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < 100_000
        await raw.send(frame(TEXT, bomb[:-4], rsv1=True))
        assert await raw.close_code() == 1009


async def test_a_message_of_endless_fragments(newest_database: Database) -> None:
    async with with_bystander(newest_database) as running:
        async with raw_socket(running.url()) as raw:
            await raw.send(frame(TEXT, b"[", fin=False))
            await raw.send(frame(CONT, b"", fin=False) * 5000)
            assert await raw.close_code() == 1008
        # A message in a few fragments is a message.
        async with raw_socket(running.url()) as raw:
            whole = json.dumps([None, "1", "phoenix", "heartbeat", {}]).encode()
            pieces = [frame(CONT, bytes([byte]), fin=False) for byte in whole[1:]]
            await raw.send(frame(TEXT, whole[:1], fin=False) + b"".join(pieces) + frame(CONT))
            assert b"phx_reply" in await raw.reader.read(1000)


async def test_a_flood_of_pings(newest_database: Database) -> None:
    async with with_bystander(newest_database) as running, raw_socket(running.url()) as raw:
        await raw.send(frame(PING, b"x" * 125) * 2000)
        assert await raw.close_code() == 1008


async def test_a_flood_of_messages(newest_database: Database) -> None:
    async with (
        with_bystander(newest_database, max_message_burst=300) as running,
        running.open() as peer,
    ):
        text = json.dumps([None, "1", "phoenix", "heartbeat", {}])
        for _ in range(290):
            await peer.socket.send(text)
        flood = asyncio.create_task(keep_sending(peer, text))
        code, frames = await peer.closed()
        await flood
        assert code == 1013
        assert frames[-1][4]["code"] == "rate_limited"
        assert frames[-1][4]["retry_after_ms"] > 0


async def keep_sending(peer: Peer, text: str) -> None:
    try:
        while True:
            await peer.socket.send(text)
            await asyncio.sleep(0)
    except ConnectionClosed:
        return


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([frame(BINARY, b"\x00" * 100)], id="binary"),
        pytest.param([frame(TEXT, b"\xff\xfe")], id="invalid utf-8"),
        pytest.param([frame(TEXT, b"\xed\xa0\x80")], id="a lone surrogate"),
        pytest.param([frame(3)], id="a reserved opcode"),
        pytest.param([frame(PING, b"", fin=False)], id="a fragmented ping"),
        pytest.param([frame(PING, b"x" * 126)], id="a long ping"),
        pytest.param([frame(CONT, b"x")], id="a continuation of nothing"),
        pytest.param([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], id="interleaved"),
        pytest.param([frame(TEXT, b"x", rsv1=True)], id="compressed without having agreed"),
        pytest.param([b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"], id="a length of 2^64 - 1"),
        pytest.param([b"\x81\xff\x00\x00\x00\x00\xff\xff\xff\xff"], id="a length of 4 GiB"),
        pytest.param([b"\x81\x05hello"], id="not masked"),
        pytest.param([b"GET / HTTP/1.1\r\n\r\n"], id="not a frame at all"),
    ],
)
async def test_what_is_no_frame(newest_database: Database, frames: list[bytes]) -> None:
    async with (
        with_bystander(newest_database, max_bad_frames=0) as running,
        raw_socket(running.url()) as raw,
    ):
        await raw.send(b"".join(frames))
        assert await raw.close_code() in (1002, 1007, 1009)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        f'["1","77","{CHANNEL}","sync:subscribe",{{"topics":["{NOTES}"],"resume_after":{DEEP}}}]',
        f'["1","77","{CHANNEL}","sync:subscribe",{{"a":' * 2000,
        '["1","77","sync:v1","sync:subscribe",{"topics":["\\ud800"]}]',
        '["1","77","sync:v1","sync:subscribe",{"topics":[' + "9" * 100_000 + "]}]",
        "1" * 100_000,
        '["1","77","sync:v1","sync:subscribe",{"x":1e999999}]',
        '["\\u0000","\\u0000","\\u0000","\\u0000",{}]',
    ],
)
async def test_texts_that_are_no_message(newest_database: Database, text: str) -> None:
    async with with_bystander(newest_database) as running, running.joined() as peer:
        await peer.socket.send(text)
        await peer.ask("sync:heartbeat", {})


@pytest.mark.parametrize(
    "resume_after",
    [
        {NOTES: 2**63},
        {NOTES: 2**63 - 1},
        {NOTES: -(2**63)},
        {NOTES: str(2**64)},
        {NOTES: 1e18},
        {NOTES: True},
        {NOTES: {"watermark": 1}},
        {NOTES: [1]},
        {NOTES: "1; DROP TABLE"},
        {NOTES: "\0"},
        {f"topic{n}": n for n in range(10_000)},
        [{"topic": NOTES, "watermark": 1}] * 5000,
        [{"topic": NOTES}],
        "everything",
        7,
    ],
)
async def test_cursors_that_are_none(newest_database: Database, resume_after: Any) -> None:
    async with with_bystander(newest_database) as running, running.joined() as peer:
        body = {"topics": [NOTES], "resume_after": resume_after}
        refused = await peer.ask_in_vain("sync:subscribe", body)
        assert refused["code"] in ("bad_subscription", "stale_cursor", "payload_too_large")
        await peer.subscribe(NOTES)


async def test_a_socket_has_so_many_topics(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        names = [f"limits.topic{n}" for n in range(3)]
        for name in names:
            connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", (name,))
    async with running_relay(newest_database, max_topics=2) as running:
        await ready_relay(running)
        async with running.joined(running.token(scopes=tuple(names))) as peer:
            await peer.subscribe(names[0])
            await peer.subscribe(names[1])
            await peer.subscribe(names[1])
            refused = await peer.ask_in_vain("sync:subscribe", {"topics": [names[2]]})
            assert refused["code"] == "bad_subscription"
            await peer.ask("sync:unsubscribe", {"topics": [names[0]]})
            await peer.subscribe(names[2])
