"""Opening, expiry, refresh, liveness, health and the end of a relay."""

import asyncio
import base64
import json
import logging
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from khala_pg.auth import keyring as keys
from khala_pg.errors import UsageError
from khala_pg.relay.server import Relay
from khala_pg.relay.settings import RelaySettings
from support.postgres.databases import Database
from support.relay.relays import NOTES, RUNS, Peer, RunningRelay, ready_relay, running_relay, writer


def fetch(url: str) -> tuple[int, dict[str, Any] | str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            status, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read().decode()
    return status, json.loads(body) if body.startswith("{") else body


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    return caught.value.response.status_code, json.loads(caught.value.response.body or b"")


async def test_who_may_open_a_socket(newest_database: Database) -> None:
    async with running_relay(newest_database, max_connections=2) as running:
        await ready_relay(running)
        base, token = running.addresses.ws, running.token()
        assert (await refusal(f"{base}?vsn=2.0.0"))[0] == 403
        assert (await refusal(f"{base}?vsn=1.0.0&token={token}"))[1][
            "code"
        ] == "unsupported_version"
        assert (await refusal(f"{base}?token={token}"))[0] == 403
        status, body = await refusal(f"{base}?vsn=2.0.0&token={token}x")
        assert (status, body["code"]) == (403, "unauthorized")
        foreign = keys.sign_token(keys.generate(), org_id="org-a", scopes=[NOTES])
        assert (await refusal(running.url(foreign)))[0] == 403
        assert (await refusal(running.url(running.token(ttl_s=-5))))[0] == 403
        encoded = base64.b64encode(token.encode()).decode().rstrip("=")
        offered = [Subprotocol("phoenix"), Subprotocol(f"base64url.bearer.phx.{encoded}")]
        other_path = base.replace("/socket/", "/sync/")
        async with connect(f"{other_path}?vsn=2.0.0", subprotocols=offered) as first:
            assert first.subprotocol == "phoenix"
            async with running.joined():
                status, body = await refusal(running.url())
                assert (status, body["code"]) == (503, "rate_limited")


async def test_health_on_both_ports(newest_database: Database) -> None:
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        assert running.addresses.http is not None
        sockets = running.addresses.ws.replace("ws:", "http:").removesuffix("/socket/websocket")
        for base in (sockets, running.addresses.http):
            for path in ("/healthz", "/readyz"):
                assert (await asyncio.to_thread(fetch, base + path))[0] == 200
        status, _ = await asyncio.to_thread(fetch, sockets + "/nothing")
        assert status == 404


async def test_tokens_are_not_logged(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("khala.relay.websockets", "websockets.server"):
        caplog.set_level(logging.DEBUG, name)
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        token = running.token()
        caplog.clear()
        logging.getLogger("websockets.client").setLevel(logging.WARNING)
        async with running.joined(token) as peer:
            await peer.ask("sync:refresh", {"token": token})
        await refusal(running.url(token + "x"))
    assert any("sub=khala org=org-a" in record.getMessage() for record in caplog.records)
    assert not [r for r in caplog.records if token[:40] in r.getMessage()]


async def test_an_expired_token_closes_the_socket(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined(running.token(ttl_s=2)) as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            code, frames = await peer.closed()
            assert code == 4401
            assert [frame[3] for frame in frames] == ["sync:error", "phx_error"]
            assert frames[0][4]["code"] == "unauthorized"
            assert frames[1][0] == peer.join_ref


async def test_a_refreshed_token_keeps_the_socket(newest_database: Database) -> None:
    async with running_relay(newest_database) as running, writer(newest_database) as write:
        await ready_relay(running)
        async with running.joined(running.token(ttl_s=2)) as peer:
            await peer.subscribe(NOTES, RUNS)
            await peer.event("sync:update_batch")
            await peer.event("sync:update_batch")
            for token in ("nonsense", running.token("org-b"), running.token(subject="you")):
                refused = await peer.ask_in_vain("sync:refresh", {"token": token})
                assert refused["code"] == "unauthorized"
            newer = running.token(ttl_s=60, scopes=(NOTES,))
            refreshed = await peer.ask("sync:refresh", {"token": newer})
            assert refreshed["allowed_topics"] == [NOTES]
            lost = await peer.event("sync:error")
            assert lost["code"] == "forbidden_topic"
            assert lost["forbidden_topics"] == [RUNS]
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                assert (await peer.ask("sync:heartbeat", {}))["watermarks"][0]["topic"] == NOTES
                await peer.event("sync:heartbeat")
                await asyncio.sleep(0.2)
            await write.sink("r1", topic=RUNS)
            await write.sink("d1")
            await peer.updates_until(1)
            assert peer.frames == []
            assert (await peer.ask_in_vain("sync:subscribe", {"topics": [RUNS]}))["code"] == (
                "forbidden_topic"
            )


async def test_heartbeats_carry_covered_watermarks(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, heartbeat_interval_s=0.2) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        async with running.joined() as peer:
            assert (await peer.event("sync:heartbeat"))["watermarks"] == []
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await write.sink("not yours", org="org-b")
            # Another organisation's update moves the covered watermark without a batch.
            while True:
                [entry] = (await peer.event("sync:heartbeat"))["watermarks"] or [{"watermark": 0}]
                if entry["watermark"] == 1:
                    break
            assert [f for f in peer.frames if f[3] == "sync:update_batch"] == []


async def test_a_dead_socket_is_dropped_and_one_that_only_pongs_is_not(
    newest_database: Database,
) -> None:
    async with running_relay(newest_database, ping_interval_s=0.3, idle_timeout_s=1.5) as running:
        await ready_relay(running)
        async with running.joined() as alive:
            reader, stream = await open_raw(running)
            # Not a byte comes from here any more, not even an answer to a ping.
            await asyncio.wait_for(reader.read(), 10)
            stream.close()
            await alive.ask("sync:heartbeat", {})


async def open_raw(running: RunningRelay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket whose client does nothing after the handshake."""
    host, port = running.addresses.ws.removeprefix("ws://").split("/")[0].split(":")
    reader, stream = await asyncio.open_connection(host, int(port))
    target = running.url().split(port, 1)[1]
    key = base64.b64encode(b"k" * 16).decode()
    stream.write(
        f"GET {target} HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head
    return reader, stream


async def test_draining_tells_clients_to_come_back_elsewhere(newest_database: Database) -> None:
    async with (
        running_relay(newest_database) as first,
        running_relay(newest_database, first.keyring) as second,
    ):
        await ready_relay(first)
        await ready_relay(second)
        async with first.joined() as peer, second.joined() as other:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            first.stop.set()
            code, frames = await peer.closed()
            assert code == 1012
            assert [frame[3] for frame in frames] == ["sync:error"]
            assert 0 < frames[0][4]["retry_after_ms"] <= 5000
            await asyncio.wait_for(asyncio.shield(first.done), 10)
            await other.subscribe(NOTES)
            with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
                async with first.open():
                    pass


async def test_draining_does_not_wait_for_ever(newest_database: Database) -> None:
    async with running_relay(newest_database, drain_timeout_s=1.0) as running:
        await ready_relay(running)
        _, stream = await open_raw(running)
        running.stop.set()
        started = time.monotonic()
        await asyncio.wait_for(asyncio.shield(running.done), 10)
        assert time.monotonic() - started < 5
        stream.close()


async def test_a_port_in_use_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        relay = Relay(RelaySettings("", ws_port=taken.getsockname()[1]), keys.generate())
        with pytest.raises(UsageError, match="cannot listen") as caught:
            await relay.run(asyncio.Event())
        assert "--ws-port" in caught.value.hint


async def test_a_database_without_khala_is_refused(empty_database: Database) -> None:
    relay = Relay(RelaySettings(empty_database.dsn, ws_port=0), keys.generate())
    with pytest.raises(UsageError, match="Khala schema") as caught:
        await asyncio.wait_for(relay.run(asyncio.Event()), 30)
    assert "khala migrate" in caught.value.hint


async def test_an_unknown_schema_version_is_refused(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION khala.schema_version() RETURNS integer"
            " LANGUAGE sql STABLE RETURN 999"
        )
    relay = Relay(RelaySettings(newest_database.relay_dsn, ws_port=0), keys.generate())
    with pytest.raises(UsageError, match="999") as caught:
        await asyncio.wait_for(relay.run(asyncio.Event()), 30)
    assert "Upgrade khala-pg" in caught.value.hint


async def test_a_login_in_another_role_is_refused(newest_database: Database) -> None:
    relay = Relay(RelaySettings(newest_database.runtime_dsn, ws_port=0), keys.generate())
    with pytest.raises(UsageError, match="permission denied") as caught:
        await asyncio.wait_for(relay.run(asyncio.Event()), 30)
    assert "khala_test_runtime is not a member of khala_relay" in str(caught.value)
    assert caught.value.hint == 'GRANT khala_relay TO "khala_test_runtime";'


async def test_compression_can_be_had(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, compression=True) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        peer = Peer(running.url())
        async with connect(running.url(), compression="deflate") as compressed:
            peer.socket = compressed
            await peer.join()
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await write.sink("d1", payload={"text": "x" * 1000})
            [update] = (await peer.updates_until(1))[0]
            assert len(update["payload"]["text"]) == 1000
            # So that a message for many is compressed once.
            assert compressed.response is not None
            negotiated = compressed.response.headers["Sec-WebSocket-Extensions"]
            assert "server_no_context_takeover" in negotiated
