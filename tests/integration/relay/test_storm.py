"""Many who come at once: all are heard, and what all ask alike is asked of the database once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest

from khala_pg.errors import RefusedError
from khala_pg.relay.database.pool import Database as Pool
from khala_pg.relay.delivery.checks import Checked, Checks
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire.requests import SubscribeRequest
from support.postgres.databases import Database
from support.relay.relays import NOTES, PATIENCE_S, RUNS, running_relay, writer
from support.trials.waiting import until

# More than asyncio has wait by default, fewer than one address may have under way.
CROWD = 300
SCOPES = (NOTES, RUNS)


def resume(topic: str, after: int) -> SubscribeRequest:
    return SubscribeRequest("1", "2", (topic,), {topic: after}, None, None, False, None)


class CountingPool(Pool):
    """The relay's own; `asked` counts calls."""

    asked = 0

    async def call(self, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return await super().call(function, *args, **kwargs)


@asynccontextmanager
async def one_at_a_time(database: Database) -> AsyncIterator[tuple[CountingPool, Checks]]:
    settings = RelaySettings(database.relay_dsn, pool_size=2, database_timeout_s=PATIENCE_S)
    pool = CountingPool(settings, lambda terms: None)
    await pool.open()
    try:
        yield pool, Checks(settings, pool)
    finally:
        await pool.close()


@asynccontextmanager
async def hanging(
    database: Database, checks: Checks
) -> AsyncIterator[tuple[asyncio.Task[Checked], psycopg.AsyncConnection[Any]]]:
    """A check that waits in the database; the connection's commit lets it go on."""
    # Learns the epoch and connects, so that what hangs is the check.
    await checks.judge(resume(NOTES, 0), SCOPES)
    async with await psycopg.AsyncConnection.connect(database.dsn) as holder:
        await holder.execute("LOCK TABLE runtime.sync_topics IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(checks.judge(resume(NOTES, 0), SCOPES))

        async def hangs() -> bool:
            found = await holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool((await found.fetchall())[0][0])

        await until(hangs, "a check waits")
        yield task, holder


async def test_everybody_is_heard_who_comes_while_the_relay_is_busy(
    newest_database: Database,
) -> None:
    async with running_relay(newest_database) as running:
        host, port = running.addresses.ws.split("/")[2].split(":")
        with ExitStack() as stack:
            # The relay runs in this loop, which stands still: each has to find room to wait.
            crowd = [
                stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
                for _ in range(CROWD)
            ]
            for sock in crowd:
                sock.setblocking(False)
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
            receive = asyncio.get_running_loop().sock_recv
            async with asyncio.timeout(PATIENCE_S):
                answers = await asyncio.gather(*(receive(sock, 4096) for sock in crowd))
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


async def test_what_is_asked_alike_is_asked_once(newest_database: Database) -> None:
    async with one_at_a_time(newest_database) as (pool, checks), writer(newest_database) as write:
        await write.sink_many(3)
        async with hanging(newest_database, checks) as (first, holder):
            before = pool.asked
            alike = [asyncio.create_task(checks.judge(resume(NOTES, 0), SCOPES)) for _ in range(8)]
            other = asyncio.create_task(checks.judge(resume(NOTES, 2), SCOPES))
            less = asyncio.create_task(checks.judge(resume(NOTES, 0), (NOTES,)))
            await holder.commit()
            answers = await asyncio.gather(first, *alike, other, less)
        assert pool.asked - before == 3
        assert [answer[1][0].resume_after for answer in answers] == [0] * 9 + [2, 0]
        assert {answer[1][0].head_watermark for answer in answers} == {3}


async def test_who_comes_later_is_told_what_has_come_meanwhile(newest_database: Database) -> None:
    async with one_at_a_time(newest_database) as (pool, checks), writer(newest_database) as write:
        for watermark in range(1, 4):
            await write.sink(f"d{watermark}")
            answer = await checks.judge(resume(NOTES, 0), SCOPES)
            assert answer[1][0].head_watermark == watermark
        assert pool.asked == 3


async def test_a_refusal_is_of_all_that_asked(newest_database: Database) -> None:
    async with one_at_a_time(newest_database) as (pool, checks):
        async with hanging(newest_database, checks) as (first, holder):
            before = pool.asked
            alike = [asyncio.create_task(checks.judge(resume(RUNS, 0), (NOTES,))) for _ in range(8)]
            await holder.commit()
            await first
            answers = await asyncio.gather(*alike, return_exceptions=True)
        assert all(isinstance(answer, RefusedError) for answer in answers)
        assert pool.asked - before == 1


async def test_who_asked_first_may_go(newest_database: Database) -> None:
    async with one_at_a_time(newest_database) as (_, checks):
        async with hanging(newest_database, checks) as (first, holder):
            asking = [asyncio.create_task(checks.judge(resume(RUNS, 0), SCOPES)) for _ in range(3)]
            # Two turns of the loop: all three wait, the first for its turn.
            for _ in range(2):
                await asyncio.sleep(0)
            asking[0].cancel()
            await holder.commit()
            await first
            for answer in await asyncio.gather(*asking[1:]):
                assert answer[1][0].topic == RUNS
        with pytest.raises(asyncio.CancelledError):
            await asking[0]
