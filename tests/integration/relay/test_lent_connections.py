"""Connections that a relay lends to its calls: the next call has that of the one before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from khala_pg.relay.database.pool import Database as RelayDatabase
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi.calls import Connection, scalar
from support.postgres.databases import Database
from support.trials.waiting import until

POOL_SIZE = 2


@asynccontextmanager
async def lending(database: Database) -> AsyncIterator[RelayDatabase]:
    settings = RelaySettings(database.relay_dsn, pool_size=POOL_SIZE, database_timeout_s=60)
    relay_database = RelayDatabase(settings, lambda terms: None)
    await relay_database.open()
    try:
        yield relay_database
    finally:
        await relay_database.close()


async def backend(connection: Connection) -> int:
    return int(await scalar(connection, "SELECT pg_backend_pid()"))


async def test_one_call_after_the_other_has_the_same_connection(newest_database: Database) -> None:
    async with lending(newest_database) as lends:
        assert len({await lends.call(backend) for _ in range(5)}) == 1


async def test_calls_at_once_have_as_many_connections_as_there_may_be(
    newest_database: Database,
) -> None:
    entered: list[int] = []
    leave = asyncio.Event()

    async def stay(connection: Connection) -> int:
        entered.append(await backend(connection))
        await leave.wait()
        return entered[-1]

    async with lending(newest_database) as lends:
        for _ in range(3):
            entered.clear()
            leave.clear()
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(lends.call(stay)) for _ in range(2 * POOL_SIZE)]
                await until(lambda: len(entered) == POOL_SIZE, "as many as may are at work", 60)
                leave.set()
            assert len({call.result() for call in calls}) == POOL_SIZE
            # What is kept for a call is there for a few statements as well.
            async with lends.connection() as one, lends.connection() as two:
                assert await backend(one) != await backend(two)


async def test_a_connection_that_broke_is_not_the_next_call_s(newest_database: Database) -> None:
    async with lending(newest_database) as lends:
        for _ in range(3):
            before = await lends.call(backend)
            with newest_database.connect() as ending:
                ending.execute("SELECT pg_terminate_backend(%s, 60000)", [before])
            assert await lends.call(backend) != before


async def test_closing_ends_the_connection_that_was_kept(newest_database: Database) -> None:
    async with lending(newest_database) as lends:
        pid = await lends.call(backend)
    with newest_database.connect() as look:

        def is_gone() -> bool:
            found = look.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
            return found is None

        await until(is_gone, "the connection has ended", 60)


async def test_a_call_that_leaves_a_transaction_open_has_no_part_in_the_next(
    newest_database: Database,
) -> None:
    async def begin(connection: Connection) -> None:
        await connection.execute("BEGIN")

    async def status(connection: Connection) -> psycopg.pq.TransactionStatus:
        return connection.info.transaction_status

    async with lending(newest_database) as lends:
        await lends.call(begin)
        assert await lends.call(status) == psycopg.pq.TransactionStatus.IDLE
