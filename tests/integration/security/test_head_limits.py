"""Limits of an opening request's and an HTTP request's head, on both ports and for both clients."""

import asyncio
import base64
import json
import logging
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.typing import Subprotocol

from khala_pg.auth.claims import MAX_TOKEN_BYTES
from khala_pg.client.connection import Connection
from khala_pg.client.connection import open_connection as open_with
from khala_pg.client.errors import RequestRefusedError, UnauthorizedError
from support.postgres.databases import Database
from support.relay.asking import bearer, http, refusal
from support.relay.relays import NOTES, RunningRelay, ready_relay, running_relay
from support.relay.scraping import scrape
from support.trials.waiting import until

HEAD = 64 * 1024


def token_of(running: RunningRelay, size: int) -> str:
    """A good token of at most that many bytes, and of one less where base64 has no such string."""
    # From below: a token over the limit is not signed.
    more = (size - len(running.token(subject="x"))) * 3 // 4 - 4
    token = running.token(subject="x" * more)
    while len(token) < size - 1:
        more += 1
        token = running.token(subject="x" * more)
    assert len(token) >= size - 1
    return token


def open_connection(url: str | None, token: str) -> AbstractAsyncContextManager[Connection]:
    """A socket of the Python client, which offers its token as a subprotocol."""
    return open_with(str(url), token, timeout=20, silence_limit=20, max_frame_bytes=2**20)


async def ask(url: str, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of the response to bytes."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
    finally:
        writer.transport.abort()
    is_json = headers.get("content-type") == "application/json"
    return int(head[0].split()[1]), headers, json.loads(body) if is_json else body.decode()


def padded(line: str, size: int) -> bytes:
    """A request of that many bytes without a body."""
    start = f"{line}\r\nhost: x\r\n"
    rest = size - len(start) - len("p: \r\n\r\n")
    # More than one line: no line is what is bounded.
    half = rest // 2 - len("q: \r\n")
    first = f"q: {'a' * half}\r\n"
    return f"{start}{first}p: {'b' * (rest - len(first))}\r\n\r\n".encode()


@pytest.mark.parametrize("size", [9_000, MAX_TOKEN_BYTES])
async def test_a_token_up_to_the_limit_is_good_everywhere(
    newest_database: Database, size: int
) -> None:
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        token = token_of(running, size)
        async with running.joined(token) as peer:
            await peer.subscribe(NOTES)
            await peer.ask("sync:refresh", {"token": token})
        encoded = base64.b64encode(token.encode()).decode().rstrip("=")
        offered = [Subprotocol("phoenix"), Subprotocol(f"base64url.bearer.phx.{encoded}")]
        url = running.url("").replace("&token=", "")
        async with running.open(token, subprotocols=offered) as peer:
            # Both at once, with cookies as a page of the same site has.
            await peer.join()
        async with running.open(
            token, subprotocols=offered, additional_headers={"Cookie": "c" * 8000}
        ) as peer:
            await peer.join()
        async with open_connection(url, token):
            pass
        async with http(running) as asking:
            path = f"/api/sync/snapshot/{NOTES}"
            assert (await asking.get(path, headers=bearer(token))).status_code == 200


async def test_a_longer_token_is_refused_with_a_code_that_clients_show(
    newest_database: Database,
) -> None:
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        status, body, _ = await refusal(running.url("x" * MAX_TOKEN_BYTES))
        assert "longer" not in body["message"]
        token = "x" * (MAX_TOKEN_BYTES + 1)
        status, body, _ = await refusal(running.url(token))
        assert (status, body["code"]) == (403, "unauthorized")
        assert str(MAX_TOKEN_BYTES) in body["message"]
        async with http(running) as asking:
            answer = await asking.get(f"/api/sync/snapshot/{NOTES}", headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        with pytest.raises(UnauthorizedError, match=str(MAX_TOKEN_BYTES)):
            async with open_connection(running.addresses.ws, token):
                pass
        with pytest.raises(RequestRefusedError, match="65536") as caught:
            async with open_connection(running.addresses.ws, "x" * HEAD):
                pass
        assert caught.value.code == "payload_too_large"


async def test_the_head_of_a_request_has_one_limit_on_both_ports(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_relay(newest_database, http_port=0, metrics_port=0) as running:
        await ready_relay(running)
        assert running.addresses.http is not None
        assert running.addresses.metrics is not None
        for url, at_limit in (
            (running.addresses.ws, 200),
            (running.addresses.http, 200),
            (running.addresses.metrics, 404),
        ):
            line = "GET /healthz HTTP/1.1"
            assert (await ask(url, padded(line, HEAD)))[0] == at_limit
            for request in (padded(line, HEAD + 1), b"GET /" + b"x" * 3 * HEAD):
                status, _, body = await ask(url, request)
                assert (status, body["code"]) == (431, "payload_too_large"), url
                assert str(HEAD) in body["message"]
            status, _, body = await ask(url, b"nonsense\r\n\r\n")
            assert (status, body["code"]) == (400, "bad_handshake"), url
        # A page of an allowed origin can read it.
        request = padded("GET /healthz HTTP/1.1\r\nOrigin: http://localhost:3000", HEAD + 1)
        status, headers, _ = await ask(running.addresses.http, request)
        named = headers["access-control-allow-origin"]
        assert (status, named) == (431, "http://localhost:3000")
        many = b"".join(b"h%d: x\r\n" % n for n in range(129))
        status, _, body = await ask(running.addresses.ws, b"GET / HTTP/1.1\r\n" + many + b"\r\n")
        assert (status, body["code"]) == (431, "payload_too_large")
        # A plain request for the socket's path is no opening request.
        path = f"/socket/websocket?vsn=2.0.0&token={running.token()}"
        status, headers, body = await ask(
            running.addresses.ws, f"GET {path} HTTP/1.1\r\n\r\n".encode()
        )
        assert (status, body["code"], headers["upgrade"]) == (426, "bad_handshake", "websocket")

        async def are_counted() -> bool:
            metrics = await scrape(running)
            sockets = metrics.value("khala_handshakes_refused_total", status="431")
            requests = metrics.value(
                "khala_http_request_duration_seconds_count", endpoint="unreadable", status="431"
            )
            return sockets == 3 and requests >= 1

        await until(are_counted, "the refusals are counted")
    told = [
        record.getMessage() for record in caplog.records if record.name == "khala.relay.sockets"
    ]
    for words in ("no socket opened", "a request was refused", "a scrape was refused"):
        assert any(
            line.startswith(words) and "status=431 code=payload_too_large" in line for line in told
        ), told
    assert "Traceback" not in caplog.text
    assert "aaaa" not in caplog.text


async def test_a_body_that_cannot_be_read_ends_the_connection_whenever_it_comes(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        parts = urlsplit(str(running.addresses.http))
        for line, answered in (("POST /api/sync/token", False), ("GET /healthz", True)):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(f"{line} HTTP/1.1\r\nhost: x\r\n".encode())
            writer.write(b"transfer-encoding: chunked\r\n\r\n")
            if answered:
                await reader.readuntil(b"ok\n")
            writer.write(b"no length\r\n")
            async with asyncio.timeout(20):
                rest = await reader.read()
            writer.transport.abort()
            expected = b"" if answered else b"HTTP/1.1 400 Bad Request\r\n"
            assert rest[: len(expected) or None] == expected
    assert "Traceback" not in caplog.text
    assert "failed" not in caplog.text
