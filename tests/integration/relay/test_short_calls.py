"""Calls past cursors: what they return, refuse, and leave behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from khala_pg.sqlapi.calls import TRUE, Connection, integer, raw_rows, string
from support.databases import Database
from support.waiting import until


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        yield connection


async def test_values_go_as_text_and_come_as_bytes(database: Database) -> None:
    query = "SELECT $1::text, $2::bigint + 1, $3::text IS NULL FROM generate_series(1, 2)"
    async with connected(database) as connection:
        for _ in range(2):
            found = await raw_rows(connection, query, "ä'\\", 2**53, None)
            assert found == [["ä'\\".encode(), (2**53 + 1).to_bytes(8, "big"), TRUE]] * 2
            assert (string(found[0][0]), integer(found[0][1])) == ("ä'\\", 2**53 + 1)
        assert await raw_rows(connection, "SELECT 1 WHERE $1::text IS NULL", "x") == []
        # Nothing that a cursor does is in its way.
        cursor = await connection.execute("SELECT %s::text", ["y"], prepare=True)
        assert await cursor.fetchone() == ("y",)
        assert (
            await raw_rows(connection, query, "", 0, "x")
            == [[b"", bytes(7) + b"\x01", b"\x00"]] * 2
        )


async def test_each_connection_prepares_for_itself(database: Database) -> None:
    async with connected(database) as one, connected(database) as two:
        for connection in (one, two, one):
            assert await raw_rows(connection, "SELECT $1::text", "x") == [[b"x"]]


async def test_a_refusal_is_the_one_that_a_cursor_gets(database: Database) -> None:
    query = "SELECT watermark FROM khala.replay_feed($1::text, 0, 200, 1000, NULL)"
    async with connected(database) as connection:
        with pytest.raises(psycopg.DatabaseError) as refused:
            await raw_rows(connection, query, "runtime.nonsense")
        assert refused.value.sqlstate == "KH001"
        assert "register_topic" in str(refused.value.diag.message_hint)
        with pytest.raises(psycopg.errors.UndefinedTable):
            await raw_rows(connection, "SELECT FROM nonsense")
        assert await raw_rows(connection, "SELECT 1") == [[bytes(3) + b"\x01"]]


async def test_a_connection_that_the_server_ends_is_closed_for_its_user(
    database: Database,
) -> None:
    async with connected(database) as connection, connected(database) as other:
        await raw_rows(connection, "SELECT 1")
        await other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await raw_rows(connection, "SELECT 1")
        assert connection.closed


async def test_a_call_that_is_cancelled_leaves_nothing_running(database: Database) -> None:
    async with connected(database) as connection, connected(database) as other:
        pid = connection.info.backend_pid

        async def state(wanted: str) -> bool:
            cursor = await other.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = %s",
                [pid, wanted],
            )
            return await cursor.fetchone() == (1,)

        call = asyncio.create_task(raw_rows(connection, "SELECT pg_sleep($1::int)", 1000))
        await until(lambda: state("active"), "the call runs", 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not await state("active")
        assert await raw_rows(connection, "SELECT 1") == [[bytes(3) + b"\x01"]]


async def test_a_call_that_is_cancelled_while_it_prepares_can_be_made_again(
    database: Database,
) -> None:
    async with connected(database) as connection:
        call = asyncio.create_task(raw_rows(connection, "SELECT $1::text", "x"))
        await asyncio.sleep(0)  # It has sent the statement, and waits.
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await raw_rows(connection, "SELECT $1::text", "x") == [[b"x"]]
