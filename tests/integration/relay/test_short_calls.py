"""Calls past cursors: what they return, refuse, and leave behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from khala_pg.sqlapi.calls import (
    TRUE,
    Call,
    Connection,
    Rows,
    integer,
    raw_rows,
    raw_rows_in_turn,
    string,
)
from support.postgres.databases import Database
from support.trials.waiting import until


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


HELD = 4711


async def test_the_first_of_two_is_there_while_the_server_is_at_the_second(
    database: Database,
) -> None:
    async with connected(database) as connection, connected(database) as other:
        for _ in range(2):
            await other.execute("SELECT pg_advisory_lock(%s)", [HELD])
            taken: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
            wait: Call = ("SELECT $1::int FROM pg_advisory_lock($2::int)", (2, HELD))
            call = asyncio.create_task(
                raw_rows_in_turn(connection, ("SELECT $1::int", (1,)), taken.set_result, wait)
            )
            assert await taken == [[bytes(3) + b"\x01"]]
            await other.execute("SELECT pg_advisory_unlock(%s)", [HELD])
            assert await call == [[bytes(3) + b"\x02"]]
            await raw_rows(connection, "SELECT pg_advisory_unlock_all()")


@pytest.mark.parametrize("prepares", [5, None])
async def test_two_in_turn_leave_the_connection_as_it_was(
    database: Database, prepares: int | None
) -> None:
    good: Call = ("SELECT $1::text", ("x",))
    bad: Call = ("SELECT khala.max_payload_bytes() / $1::int", (0,))
    async with connected(database) as connection:
        connection.prepare_threshold = prepares
        taken: list[Rows] = []
        for first, second, gets in ((good, good, 1), (bad, good, 0), (good, bad, 1)):
            taken.clear()
            if bad in (first, second):
                with pytest.raises(psycopg.errors.DivisionByZero):
                    await raw_rows_in_turn(connection, first, taken.append, second)
            else:
                assert await raw_rows_in_turn(connection, first, taken.append, second) == [[b"x"]]
            assert taken == [[[b"x"]]] * gets
            assert await raw_rows(connection, good[0], *good[1]) == [[b"x"]]

        def fail(rows: Rows) -> None:
            raise LookupError(str(rows))

        with pytest.raises(LookupError):
            await raw_rows_in_turn(connection, good, fail, good)
        assert await raw_rows(connection, good[0], *good[1]) == [[b"x"]]


async def test_two_in_turn_that_are_cancelled_leave_nothing_running(database: Database) -> None:
    sleep: Call = ("SELECT pg_sleep($1::int)", (1000,))
    quick: Call = ("SELECT $1::text", ("x",))
    async with connected(database) as connection:
        for first, second in ((sleep, quick), (quick, sleep)):
            await raw_rows_in_turn(connection, quick, lambda _: None, quick)
            call = asyncio.create_task(raw_rows_in_turn(connection, first, lambda _: None, second))
            await until(lambda: sleeps(database, connection), "the call runs", 20)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await raw_rows(connection, quick[0], *quick[1]) == [[b"x"]]


async def test_two_in_turn_on_a_connection_that_ends_are_an_error(database: Database) -> None:
    sleep: Call = ("SELECT pg_sleep($1::int)", (1000,))
    async with connected(database) as connection, connected(database) as other:
        taken: list[Rows] = []
        call = asyncio.create_task(
            raw_rows_in_turn(connection, ("SELECT $1::text", ("x",)), taken.append, sleep)
        )
        await until(lambda: sleeps(database, connection), "the call runs", 20)
        await other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await call
        assert taken == [[[b"x"]]]
        assert connection.closed


def sleeps(database: Database, connection: Connection) -> bool:
    """Whether a connection's query sleeps."""
    with database.connect() as look:
        found = look.execute(
            "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s",
            [connection.info.backend_pid],
        ).fetchone()
    return found is not None and bool(found[0])
