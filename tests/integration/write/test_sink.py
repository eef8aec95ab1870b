"""khala_pg.sink in the transactions of psycopg, SQLAlchemy (with three drivers) and Django."""

import asyncio
import math
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import django
import psycopg
import pytest
import sqlalchemy
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

import khala_pg
from khala_pg import Sunk, sink, sink_batch, sink_delete
from khala_pg.errors import BadValueError, InTheWayError, RefusedError, UnavailableError, UsageError
from support.postgres.databases import Database

settings.configure()
django.setup()

TOPIC = "shop.orders"
ORG = "acme"

Finish = Callable[[bool], Awaitable[None]]
"""Commits, or rolls back."""


@pytest.fixture
def orders(newest_database: Database) -> Database:
    with newest_database.connect("dba") as connection:
        connection.execute("SELECT khala.register_topic(%s)", (TOPIC,))
    return newest_database


@pytest.fixture(autouse=True)
def django_beside_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else runs in a test's loop: Django's connection may be used in it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def url(database: Database, driver: str) -> sqlalchemy.URL:
    told = conninfo_to_dict(database.runtime_dsn)
    return sqlalchemy.URL.create(
        f"postgresql+{driver}",
        str(told["user"]),
        str(told["password"]),
        str(told["host"]),
        int(str(told["port"])),
        str(told["dbname"]),
    )


@asynccontextmanager
async def of_psycopg(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    with psycopg.connect(
        database.runtime_dsn, row_factory=dict_row, cursor_factory=psycopg.RawCursor
    ) as connection:

        async def finish(commit: bool) -> None:
            connection.commit() if commit else connection.rollback()

        yield connection, finish


@asynccontextmanager
async def of_psycopg_async(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    async with await psycopg.AsyncConnection.connect(
        database.runtime_dsn, row_factory=dict_row, cursor_factory=psycopg.AsyncRawCursor
    ) as connection:

        async def finish(commit: bool) -> None:
            await (connection.commit() if commit else connection.rollback())

        yield connection, finish


@asynccontextmanager
async def of_alchemy(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = sqlalchemy.create_engine(url(database, "psycopg"), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:

        async def finish(commit: bool) -> None:
            connection.commit() if commit else connection.rollback()

        yield connection, finish


@asynccontextmanager
async def of_alchemy_psycopg2(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = sqlalchemy.create_engine(url(database, "psycopg2"), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:

        async def finish(commit: bool) -> None:
            connection.commit() if commit else connection.rollback()

        yield connection, finish


@asynccontextmanager
async def of_session(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = sqlalchemy.create_engine(url(database, "psycopg"), poolclass=sqlalchemy.NullPool)
    with Session(engine) as session:

        async def finish(commit: bool) -> None:
            session.commit() if commit else session.rollback()

        yield session, finish


@asynccontextmanager
async def of_scoped_session(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = sqlalchemy.create_engine(url(database, "psycopg"), poolclass=sqlalchemy.NullPool)
    session = scoped_session(sessionmaker(engine))

    async def finish(commit: bool) -> None:
        session.commit() if commit else session.rollback()

    try:
        yield session, finish
    finally:
        session.remove()


@asynccontextmanager
async def of_alchemy_async(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = create_async_engine(url(database, "psycopg"), poolclass=sqlalchemy.NullPool)
    async with engine.connect() as connection:

        async def finish(commit: bool) -> None:
            await (connection.commit() if commit else connection.rollback())

        yield connection, finish


@asynccontextmanager
async def of_session_async(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    engine = create_async_engine(url(database, "asyncpg"), poolclass=sqlalchemy.NullPool)
    async with AsyncSession(engine) as session:

        async def finish(commit: bool) -> None:
            await (session.commit() if commit else session.rollback())

        yield session, finish


@asynccontextmanager
async def of_django(database: Database) -> AsyncIterator[tuple[Any, Finish]]:
    told = conninfo_to_dict(database.runtime_dsn)
    parameters: dict[str, Any] = {
        "NAME": told["dbname"],
        "USER": told["user"],
        "PASSWORD": told["password"],
        "HOST": told["host"],
        "PORT": told["port"],
        "AUTOCOMMIT": False,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "TIME_ZONE": None,
        "OPTIONS": {},
    }
    connection = DatabaseWrapper(parameters)

    async def finish(commit: bool) -> None:
        connection.commit() if commit else connection.rollback()

    try:
        yield connection, finish
    finally:
        connection.close()


KINDS = [
    of_psycopg,
    of_psycopg_async,
    of_alchemy,
    of_alchemy_psycopg2,
    of_session,
    of_scoped_session,
    of_alchemy_async,
    of_session_async,
    of_django,
]
Opened = Callable[[Database], AbstractAsyncContextManager[tuple[Any, Finish]]]


async def settled(result: Any) -> Any:
    """The result of a call, which an asynchronous connection gives as an awaitable."""
    return await result if isinstance(result, Awaitable) else result


def stored(database: Database) -> dict[str, Any]:
    """What every reader sees now."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT doc_key, payload FROM runtime.sync_documents WHERE topic = %s AND NOT deleted",
            (TOPIC,),
        ).fetchall()
        journal = connection.execute(
            "SELECT count(*), max(watermark) FROM runtime.sync_stream_events WHERE topic = %s",
            (TOPIC,),
        ).fetchone()
    assert journal is not None
    assert journal[0] == (journal[1] or 0)
    return dict(rows)


@pytest.mark.parametrize("opened", KINDS)
async def test_in_the_callers_transaction(orders: Database, opened: Opened) -> None:
    payload = {"naïve": "\U0001f600 100% :x", "big": 10**20, "f": 0.1, "list": [None, True]}
    async with opened(orders) as (connection, finish):
        first = await settled(sink(connection, TOPIC, "a/1", payload, org_id=ORG))
        assert first == Sunk("a/1", 1, "applied")
        assert stored(orders) == {}
        await finish(True)
        assert stored(orders) == {"a/1": payload}

        again = await settled(sink(connection, TOPIC, "a/1", payload, org_id=ORG, version=1))
        assert again == Sunk("a/1", None, "duplicate")
        at = 2**62
        newer = await settled(sink(connection, TOPIC, "a/1", '{"n": 2}', org_id=ORG, version=at))
        assert newer == Sunk("a/1", 2, "applied")
        older = await settled(sink(connection, TOPIC, "a/1", {"n": 1}, org_id=ORG, version=9))
        assert older == Sunk("a/1", None, "stale_version")
        gone = await settled(sink_delete(connection, TOPIC, "a/1"))
        assert gone == Sunk("a/1", 3, "applied")
        await finish(False)
        assert stored(orders) == {"a/1": payload}

        batch = await settled(
            sink_batch(
                connection,
                TOPIC,
                [
                    {"doc_key": "b", "payload": {"n": 1}, "org_id": ORG},
                    {"doc_key": "b", "payload": {"n": 2}, "org_id": ORG},
                    {"doc_key": "a/1", "deleted": True, "org_id": ORG},
                    {"doc_key": "a/2", "doc_version": 2**62, "payload": payload, "org_id": ORG},
                ],
            )
        )
        assert batch == [
            Sunk("b", 2, "applied"),
            Sunk("b", 3, "applied"),
            Sunk("a/1", 4, "applied"),
            Sunk("a/2", 5, "applied"),
        ]
        await finish(True)
        assert stored(orders) == {"b": {"n": 2}, "a/2": payload}


@pytest.mark.parametrize("opened", KINDS)
async def test_what_is_refused(orders: Database, opened: Opened) -> None:
    async with opened(orders) as (connection, finish):
        await settled(sink(connection, TOPIC, "kept?", {}, org_id=ORG))
        with pytest.raises(RefusedError) as no_org:
            await settled(sink(connection, TOPIC, "a", {}, org_id=None))
        assert no_org.value.sqlstate == "KH006"
        assert no_org.value.hint.startswith("Set org_id")
        assert no_org.value.hint in "".join(traceback.format_exception(no_org.value))
        await finish(False)
        with pytest.raises(RefusedError) as unknown:
            await settled(sink(connection, "shop.ordres", "a", {}, org_id=ORG))
        assert unknown.value.sqlstate == "KH001"
        assert unknown.value.forbidden_topics == ["shop.ordres"]
        await finish(False)
        with pytest.raises(RefusedError) as second:
            await settled(sink_batch(connection, TOPIC, [{"doc_key": "a"}, {"doc_key": ""}]))
        assert second.value.detail["ordinal"] in {1, 2}
        await finish(False)
        for text in ("{", f"{'[' * 100_000}{']' * 100_000}"):
            with pytest.raises(BadValueError):
                await settled(sink(connection, TOPIC, "a", text, org_id=ORG))
            await finish(False)

        # What Python cannot write as JSON never reaches the database: the transaction goes on.
        await settled(sink(connection, TOPIC, "b", {}, org_id=ORG))
        for wrong in ({"at": object()}, {"n": math.nan}):
            with pytest.raises(BadValueError, match="payload of 'a' is not JSON"):
                sink(connection, TOPIC, "a", wrong, org_id=ORG)
        for key, org_id, text in (
            ("a\0", ORG, "{}"),
            ("a\ud800", ORG, "{}"),
            ("a", "acme\0", "{}"),
            ("a", ORG, '{"\0": 1}'),
        ):
            with pytest.raises(BadValueError, match=r"has U\+0000|is not UTF-8"):
                sink(connection, TOPIC, key, text, org_id=org_id)
        await finish(True)
        assert stored(orders) == {"b": {}}


@pytest.mark.parametrize("opened", KINDS)
async def test_a_lock_that_is_not_to_be_had(orders: Database, opened: Opened) -> None:
    with orders.connect() as connection:
        connection.execute("ALTER ROLE khala_test_runtime SET lock_timeout = '50ms'")
    try:
        with orders.connect() as holder, holder.transaction():
            sink(holder, TOPIC, "a", {}, org_id=ORG)
            async with opened(orders) as (connection, finish):
                with pytest.raises(InTheWayError):
                    await settled(sink(connection, TOPIC, "b", {}, org_id=ORG))
                await finish(False)
    finally:
        with orders.connect() as connection:
            connection.execute("ALTER ROLE khala_test_runtime RESET lock_timeout")


@pytest.mark.parametrize("opened", KINDS)
async def test_a_connection_that_is_cut(orders: Database, opened: Opened) -> None:
    found: Exception | None = None
    with suppress(Exception):  # Some of the libraries cannot end such a connection.
        async with opened(orders) as (connection, _):
            await settled(sink(connection, TOPIC, "a", {}, org_id=ORG))
            with orders.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE usename = 'khala_test_runtime' AND datname = current_database()"
                )
            try:
                await settled(sink(connection, TOPIC, "b", {}, org_id=ORG))
            except Exception as error:
                found = error
    assert isinstance(found, UnavailableError)
    assert stored(orders) == {}


def test_a_row_of_sqlalchemy_is_a_payload(orders: Database) -> None:
    engine = sqlalchemy.create_engine(url(orders, "psycopg"), poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        row = connection.execute(sqlalchemy.text("SELECT 7 AS n, 'a' AS t")).one()
        sink(connection, TOPIC, "row", row._mapping, org_id=ORG)  # type: ignore[arg-type]
        sink_batch(
            connection, TOPIC, [{"doc_key": "in", "payload": {"row": row._mapping}, "org_id": ORG}]
        )
    assert stored(orders) == {"row": {"n": 7, "t": "a"}, "in": {"row": {"n": 7, "t": "a"}}}


async def test_a_connection_that_asyncpg_lost(orders: Database) -> None:
    async with of_session_async(orders) as (session, finish):
        await sink(session, TOPIC, "a", {}, org_id=ORG)
        raw = await (await session.connection()).get_raw_connection()
        raw.driver_connection.terminate()
        with pytest.raises(UnavailableError, match="the database cannot be reached: "):
            await sink(session, TOPIC, "b", {}, org_id=ORG)
        await finish(False)


def test_a_grouped_topic(orders: Database) -> None:
    with orders.connect("dba") as connection:
        connection.execute("SELECT khala.register_topic('shop.clicks', p_writes => 'grouped')")
    with orders.connect("runtime") as connection:
        assert sink(connection, "shop.clicks", "a", {}, org_id=ORG) == Sunk("a", None, "staged")


def test_a_session_writes_its_own_changes_first(orders: Database) -> None:
    """The topic's lock comes last: a writer holds it from there to its commit."""
    with orders.connect() as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        connection.execute("GRANT ALL ON orders TO khala_test_runtime")
    registry = sqlalchemy.orm.registry()
    table = sqlalchemy.Table(
        "orders", registry.metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True)
    )

    class Order:
        def __init__(self, id: int) -> None:
            self.id = id

    registry.map_imperatively(Order, table)
    engine = sqlalchemy.create_engine(url(orders, "psycopg"), poolclass=sqlalchemy.NullPool)
    statements: list[str] = []
    sqlalchemy.event.listen(
        engine, "before_cursor_execute", lambda *told: statements.append(str(told[2]))
    )
    with Session(engine) as session, session.begin():
        session.add(Order(id=1))
        sink(session, TOPIC, "1", {"id": 1}, org_id=ORG)
    assert ["INSERT" in each for each in statements] == [True, False]


def test_a_connection_of_another_kind(orders: Database) -> None:
    with pytest.raises(UsageError, match="connection is a str, through which"):
        sink("postgresql://", TOPIC, "a", {}, org_id=ORG)  # type: ignore[call-overload]


async def test_many_at_once(orders: Database) -> None:
    """Writers of one topic, each in its own transaction: no watermark is left out."""

    async def write(n: int) -> int | None:
        async with await psycopg.AsyncConnection.connect(orders.runtime_dsn) as connection:
            sunk = await khala_pg.sink(connection, TOPIC, f"d{n % 3}", {"n": n}, org_id=ORG)
            if n % 4 == 0:
                await connection.rollback()
                return None
        return sunk.watermark

    found = await asyncio.gather(*(write(n) for n in range(20)))
    assert sorted(each for each in found if each is not None) == list(range(1, 16))
    assert len(stored(orders)) == 3
