"""Calls as this package makes them: rows as values of one kind, a single value, and a short way for
calls that are made for every update."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch_many
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from khala_pg import connections

Connection = connections.AsyncConnection
Kind = TypeVar("Kind")
Value = str | int | None
Call = tuple[str, Sequence[Value]]
"""A query with $1, $2 …, and their values."""
Rows = list[list[bytes | None]]
TRUE = b"\x01"
"""A boolean that came from `raw_rows`."""

_prepared: WeakKeyDictionary[Connection, dict[str, bytes]] = WeakKeyDictionary()
# Never one twice: a call that is cancelled may leave a statement that nobody here knows of.
_names = (b"khala_%d" % number for number in count())


async def rows(connection: Connection, kind: type[Kind], query: str, *values: Any) -> list[Kind]:
    """The rows of a query, whose columns are in the order of `kind`'s fields."""
    cursor = await connection.execute(query, values, prepare=True, binary=True)
    return [kind(*row) for row in await cursor.fetchall()]


async def row(connection: Connection, kind: type[Kind], query: str, *values: Any) -> Kind:
    """The only row of a query."""
    [found] = await rows(connection, kind, query, *values)
    return found


async def scalar(connection: Connection, query: str, *values: Any) -> Any:
    """The only value of a query."""
    cursor = await connection.execute(query, values, binary=True)
    [(value,)] = await cursor.fetchall()
    return value


async def raw_rows(
    connection: Connection, query: str, *values: str | int | None
) -> list[list[bytes | None]]:
    """The rows of a query with $1, $2 …, prepared at its first use where the connection prepares
    at all (`prepare_threshold`).

    Each value is the bytes of PostgreSQL's binary format: a string's or a bytea's own, eight of a
    bigint. A cursor, which adapts and parses by type, takes longer than the database does for a
    page of one update. The connection must be in autocommit mode and speak UTF-8.
    """
    async with connection.lock:
        if connection.prepare_threshold is None:
            results = await connection.wait(_run_once(connection.pgconn, query, _given(values)))
        else:
            name = await _name(connection, query)
            results = await connection.wait(_run(connection.pgconn, name, _given(values)))
    return _rows(results)


async def raw_rows_in_turn(
    connection: Connection, first: Call, take: Callable[[Rows], None], second: Call
) -> Rows:
    """The rows of the second query. Both are sent at once; `take` has the first's rows while the
    server is at the second. One transaction: what the first is refused with, the second is too.

    The result of each is that of `raw_rows`. Poolers may not pass this on, so that each query has
    its turn where nothing is prepared.
    """
    if connection.prepare_threshold is None:
        take(await raw_rows(connection, first[0], *first[1]))
        return await raw_rows(connection, second[0], *second[1])
    pgconn, both = connection.pgconn, (first, second)
    async with connection.lock:
        calls = [(await _name(connection, query), _given(values)) for query, values in both]
        pgconn.enter_pipeline_mode()
        try:
            for name, given in calls:
                pgconn.send_query_prepared(name, given, result_format=Format.BINARY)
                pgconn.send_flush_request()
            pgconn.pipeline_sync()
            take(_rows(await connection.wait(execute(pgconn))))
            return _rows(await connection.wait(fetch_many(pgconn)))
        finally:
            if not connection.closed:
                await connection.wait(_synced(pgconn))
                pgconn.exit_pipeline_mode()


def integer(value: bytes | None) -> int:
    """An integer of any size that came from `raw_rows`; raises TypeError for a null."""
    if value is None:
        raise TypeError("a null where the database promised a number")
    return int.from_bytes(value, "big", signed=True)


def string(value: bytes | None) -> str | None:
    """A string that came from `raw_rows`."""
    return None if value is None else value.decode()


async def _name(connection: Connection, query: str) -> bytes:
    """The name of a statement, which is prepared unless it is."""
    statements = _prepared.setdefault(connection, {})
    name = statements.get(query)
    if name is None:
        name = next(_names)
        _checked(await connection.wait(_prepare(connection.pgconn, name, query)))
        statements[query] = name
    return name


def _given(values: Sequence[Value]) -> list[bytes | None]:
    return [None if value is None else str(value).encode() for value in values]


def _prepare(pgconn: PGconn, name: bytes, query: str) -> PQGen[list[PGresult]]:
    pgconn.send_prepare(name, query.encode())
    results: list[PGresult] = yield from execute(pgconn)
    return results


def _run(pgconn: PGconn, name: bytes, values: list[bytes | None]) -> PQGen[list[PGresult]]:
    pgconn.send_query_prepared(name, values, result_format=Format.BINARY)
    results: list[PGresult] = yield from execute(pgconn)
    return results


def _run_once(pgconn: PGconn, query: str, values: list[bytes | None]) -> PQGen[list[PGresult]]:
    pgconn.send_query_params(query.encode(), values, result_format=Format.BINARY)
    results: list[PGresult] = yield from execute(pgconn)
    return results


def _synced(pgconn: PGconn) -> PQGen[None]:
    """Passes by what comes before the end of a pipeline."""
    while True:
        results: list[PGresult] = yield from fetch_many(pgconn)
        if not results or results[-1].status == ExecStatus.PIPELINE_SYNC:
            return


def _rows(results: list[PGresult]) -> Rows:
    result = _checked(results)
    columns = range(result.nfields)
    return [[result.get_value(row, column) for column in columns] for row in range(result.ntuples)]


def _checked(results: list[PGresult]) -> PGresult:
    for result in results:
        if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            raise error_from_result(result, "utf-8")
    return results[-1]
