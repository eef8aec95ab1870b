"""Calls through a connection of the caller's program: one of psycopg, SQLAlchemy or Django."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg.rows import tuple_row

from khala_pg.errors import BadValueError, UsageError, from_driver

Result = TypeVar("Result")
Take = Callable[[Sequence[Sequence[Any]]], Result]
"""Makes the result of a call from its rows."""


class SyncCaller(Protocol):
    """Connection of psycopg or Django; Connection, Session or scoped_session of SQLAlchemy."""

    def rollback(self) -> None: ...


class AsyncCaller(Protocol):
    """AsyncConnection of psycopg; AsyncConnection, AsyncSession or a scoped one of SQLAlchemy."""

    def rollback(self) -> Awaitable[None]: ...


def call(connection: Any, query: str, values: Mapping[str, Any], take: Take[Result]) -> Any:
    """One statement in the caller's transaction; its result, or an awaitable of it where the
    connection is asynchronous.

    query: with {name} for each of the values. Raises the errors of khala_pg.errors, and others as
    the library has them. Of a value that no driver can send nothing is sent.
    """
    for name, value in values.items():
        _check(name, value)
    if isinstance(connection, psycopg.AsyncConnection):
        return _psycopg_async(connection, query, values, take)
    names = {name: f"%({name})s" for name in values}
    if isinstance(connection, psycopg.Connection):
        # Not the connection's own kind of cursor: that may have other placeholders and rows.
        with _ours(), psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
            return take(cursor.execute(query.format(**names), values).fetchall())
    if hasattr(connection, "cursor") and hasattr(connection, "commit"):
        with _ours(), connection.cursor() as cursor:
            cursor.execute(query.format(**names), values)
            return take(cursor.fetchall())
    if hasattr(connection, "execute") and hasattr(connection, "rollback"):
        return _alchemy(connection, query, values, take)
    raise UsageError(
        f"connection is a {type(connection).__name__}, through which nothing can be written",
        "Give a connection of psycopg 3, a Connection or Session of SQLAlchemy (AsyncConnection, "
        "AsyncSession), or django.db.connection.",
    )


def _check(name: str, value: object) -> None:
    if not isinstance(value, str):
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        what, hint = "is not UTF-8", "Write it in UTF-8, or refuse such input."
    else:
        if "\0" not in value:
            return
        what, hint = "has U+0000", "Take the character out, or refuse such input."
    raise BadValueError(f"{name} {what}: {value[:80]!a}", hint)


async def _psycopg_async(
    connection: psycopg.AsyncConnection[Any],
    query: str,
    values: Mapping[str, Any],
    take: Take[Result],
) -> Result:
    names = {name: f"%({name})s" for name in values}
    with _ours():
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(query.format(**names), values)
            return take(await cursor.fetchall())


def _alchemy(connection: Any, query: str, values: Mapping[str, Any], take: Take[Result]) -> Any:
    # Who has a connection of SQLAlchemy has SQLAlchemy.
    from sqlalchemy import text

    statement = text(query.format(**{name: f":{name}" for name in values}))
    with _ours():
        # A session writes its pending changes first.
        result = connection.execute(statement, values)
        return _awaited(result, take) if inspect.isawaitable(result) else take(result.all())


async def _awaited(pending: Awaitable[Any], take: Take[Result]) -> Result:
    with _ours():
        return take((await pending).all())


@contextmanager
def _ours() -> Iterator[None]:
    """Errors of the database as ours."""
    try:
        yield
    except Exception as error:
        known = from_driver(error)
        if known is None:
            raise
        raise known from error
