"""The port of /metrics, for scrapers that ask oddly, keep connections or say nothing."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from support.postgres.databases import Database
from support.relay.relays import PATIENCE_S, RunningRelay, ready_relay, running_relay
from support.wire.tcp_proxy import TcpProxy

MANY, TOO_MANY = 40, 65


async def get(running: RunningRelay, accept: str = "*/*") -> httpx.Response:
    url = running.addresses.metrics
    assert url is not None
    return await asyncio.to_thread(
        httpx.get, url, headers={"Accept": accept}, timeout=PATIENCE_S, trust_env=False
    )


@asynccontextmanager
async def connection(
    running: RunningRelay,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(running.addresses.metrics or "")
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=x",
        "text/plain; version=1.x",
        f"application/openmetrics-text; version={'9' * 5000}.0.0",
    ],
)
async def test_what_cannot_be_accepted_is_answered_as_text(
    newest_database: Database, accept: str
) -> None:
    async with running_relay(newest_database, metrics_port=0) as running:
        answer = await get(running, accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert "khala_ready" in answer.text


@pytest.mark.parametrize("request_", [b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n", b""])
async def test_idle_connections_keep_no_scrape_out(
    newest_database: Database, request_: bytes
) -> None:
    async with (
        running_relay(newest_database, metrics_port=0) as running,
        AsyncExitStack() as opened,
    ):
        readers = []
        for _ in range(MANY):
            reader, writer = await opened.enter_async_context(connection(running))
            writer.write(request_)
            if request_:
                assert b" 200 " in await reader.readline()
            readers.append(reader)
        assert (await get(running)).status_code == 200
        async with asyncio.timeout(PATIENCE_S):
            for reader in readers:
                await reader.read()
        assert (await get(running)).status_code == 200


async def test_more_connections_than_scrapers_have_are_turned_away(
    newest_database: Database,
) -> None:
    async with (
        running_relay(newest_database, metrics_port=0) as running,
        AsyncExitStack() as opened,
    ):
        for _ in range(TOO_MANY):
            reader, _ = await opened.enter_async_context(connection(running))
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read() == b""


async def test_scrapes_do_not_wait_for_a_database_that_hangs(newest_database: Database) -> None:
    async with TcpProxy(newest_database.server.port, random.Random(1)) as proxy:
        dsn = make_conninfo(newest_database.relay_dsn, port=str(proxy.port))
        # More than the test has patience for.
        async with running_relay(
            newest_database, database=dsn, metrics_port=0, database_timeout_s=600.0
        ) as running:
            await ready_relay(running)
            proxy.hold()
            answers = await asyncio.gather(*(get(running) for _ in range(3)))
            proxy.reset()
            proxy.release()
    for answer in answers:
        assert answer.status_code == 200
        assert "khala_database_up 0.0" in answer.text


async def test_who_asks_nothing_is_cut_off(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0, open_timeout_s=0.2) as running,
        connection(running) as (reader, writer),
    ):
        writer.write(b"GET /metr")
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
