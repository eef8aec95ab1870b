"""Connections to the database: the only module that opens one.

A role, a database or the environment may give a session any settings. Each connection therefore
states the ones that its statements and values depend on. They are those that a pooler in
transaction mode keeps for its client. Nothing here may depend on another one: results of which the
text form does (floats, intervals) are fetched in binary form.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]

# Beside client_encoding. After the connection is made: poolers refuse `options`.
_STATE = """
SELECT pg_catalog.set_config('DateStyle', 'ISO, YMD', false),
    pg_catalog.set_config('TimeZone', 'UTC', false),
    pg_catalog.set_config('standard_conforming_strings', 'on', false)
"""

# In the time limit. The server's own limit comes first: what it cut off itself leaves a connection
# that has learnt its plans, and a starved server gets further at the next try.
_ANSWER = 1.25
_LAST_WORD = 0.25


def connect(database: str, **parameters: Any) -> Connection:
    """A connection in autocommit mode. Raises psycopg.Error.

    parameters: of libpq, which win over those in the connection string.
    """
    connection = psycopg.connect(
        utf8_conninfo(database, **parameters),
        autocommit=True,
        # Behind a pooler a prepared statement may be gone at its next use.
        prepare_threshold=None,
    )
    try:
        connection.execute(_STATE)
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_async(
    database: str, *, timeout_s: float | None = None, **parameters: Any
) -> AsyncConnection:
    """As `connect`. Raises TimeoutError when the database does not respond as `bounded` says."""
    connection = await psycopg.AsyncConnection.connect(
        utf8_conninfo(database, **parameters), autocommit=True, prepare_threshold=None
    )
    try:
        if timeout_s is None:
            await state(connection)
        else:
            async with bounded(connection, timeout_s):
                await state(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def utf8_conninfo(database: str, **parameters: Any) -> str:
    """The connection string with these parameters and the only encoding that this package reads."""
    return make_conninfo(database, **{**parameters, "client_encoding": "UTF8"})


async def state(connection: AsyncConnection) -> None:
    """State what a connection of `utf8_conninfo` needs; for a pool, which makes its own."""
    await connection.execute(_STATE)


@asynccontextmanager
async def bounded(connection: AsyncConnection, timeout_s: float) -> AsyncIterator[None]:
    """Ends a connection that is waited for longer than the server may take for a statement.

    timeout_s: what the server may take; after a quarter of that more it is not expected any more.
    Raises TimeoutError then.
    """
    most_s = timeout_s * _ANSWER
    try:
        # At the first cancellation psycopg asks the server to cancel and waits for that to show;
        # a server that sends nothing takes the second.
        async with asyncio.timeout(most_s + timeout_s * _LAST_WORD), asyncio.timeout(most_s):
            yield
    except TimeoutError:
        await connection.close()
        raise TimeoutError(f"no response within {most_s:g} s") from None
