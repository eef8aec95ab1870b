"""One call brings a page and asks to be woken, also while a writer holds the topic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from khala_pg.sqlapi import feed as sqlapi
from khala_pg.sqlapi.calls import Connection
from khala_pg.sqlapi.feed import Armed, FeedPage, Position
from support.postgres.databases import Database
from support.postgres.sessions import SINK, sessions
from support.trials.waiting import until

TOPIC = "runtime.run_summaries"


@asynccontextmanager
async def relay(database: Database) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(
        database.relay_dsn, autocommit=True
    ) as connection:
        yield connection


def at(after: int, most: int = 200, *, topic: str = TOPIC, epoch: str | None = None) -> Position:
    return Position("json", topic, after, most, 1 << 20, epoch)


async def pull(connection: Connection, after: int, most: int = 200) -> tuple[list[FeedPage], Armed]:
    pages: list[FeedPage] = []
    armed = await sqlapi.pull_and_arm(connection, at(after, most), pages.append)
    return pages, armed


def watermarks(pages: list[FeedPage]) -> list[int]:
    return [row.watermark for page in pages for row in page.rows]


def is_armed(database: Database) -> bool:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT armed FROM runtime.sync_topic_sequences WHERE topic = %s", [TOPIC]
        ).fetchone()
    assert row is not None
    return bool(row[0])


async def test_a_page_and_the_wish_to_be_woken_come_together(database: Database) -> None:
    async with relay(database) as connection:
        assert await pull(connection, 0) == ([], Armed(0, "armed"))
        assert is_armed(database)
        with database.connect("runtime") as writer:
            for version in range(3):
                writer.execute(SINK, [TOPIC, "doc", version, "{}", None])
        assert not is_armed(database)
        [page], armed = await pull(connection, 1)
        assert (watermarks([page]), armed) == ([2, 3], Armed(3, "armed"))
        assert (page.next_watermark, page.complete) == (3, True)
        assert is_armed(database)


async def test_a_page_that_ends_before_the_head_arms_nothing(database: Database) -> None:
    async with relay(database) as connection:
        with database.connect("runtime") as writer:
            for version in range(3):
                writer.execute(SINK, [TOPIC, "doc", version, "{}", None])
        pages, armed = await pull(connection, 0, 2)
        assert (watermarks(pages), armed) == ([1, 2], Armed(3, "moved"))
        assert not is_armed(database)


async def test_who_does_not_ask_arms_nothing(database: Database) -> None:
    async with relay(database) as connection:
        assert await sqlapi.pull(connection, at(0)) is None
        assert not is_armed(database)


async def test_a_writer_that_is_about_is_told_of_beside_what_is_there(database: Database) -> None:
    async with relay(database) as connection:
        with sessions(database, 1, "runtime") as (writer,):
            writer.sink(TOPIC, "doc", 1)
            writer.commit()
            writer.sink(TOPIC, "doc", 2)
            pages, armed = await pull(connection, 0)
            assert (watermarks(pages), armed) == ([1], Armed(1, "busy"))
            writer.commit()
            pages, armed = await pull(connection, 1)
            assert (watermarks(pages), armed) == ([2], Armed(2, "armed"))


async def test_what_is_refused_arms_nothing(database: Database) -> None:
    async with relay(database) as connection:
        with pytest.raises(psycopg.DatabaseError) as refused:
            await sqlapi.pull_and_arm(connection, at(0, epoch="another"), print)
        assert refused.value.sqlstate == "KH003"
        assert not is_armed(database)


async def test_a_topic_that_is_removed_during_the_call_is_refused(database: Database) -> None:
    """The page is of the moment before, in which the topic was there."""
    with database.connect() as remover:
        remover.execute("SELECT khala.register_topic('shop.orders', p_ownership => 'mixed')")
        async with relay(database) as connection:
            with remover.transaction():
                for table in ("sync_topic_sequences", "sync_topic_retention", "sync_topics"):
                    remover.execute(f"DELETE FROM runtime.{table} WHERE topic = 'shop.orders'")
                remover.execute("LOCK TABLE runtime.sync_topic_sequences")
                pulled = asyncio.create_task(
                    sqlapi.pull_and_arm(connection, at(0, topic="shop.orders"), print)
                )
                await until(lambda: is_waiting(database, connection), "the call waits")
            with pytest.raises(psycopg.DatabaseError) as refused:
                await pulled
            assert refused.value.sqlstate == "KH001"


def is_waiting(database: Database, connection: Connection) -> bool:
    """Whether a connection's query waits for a lock."""
    with database.connect() as look:
        found = look.execute(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s",
            [connection.info.backend_pid],
        ).fetchone()
    assert found is not None
    return bool(found[0])
