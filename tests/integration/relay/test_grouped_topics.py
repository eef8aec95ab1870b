"""A relay sequences grouped topics, with subscribers or without, and alone or beside others."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from support.consistency import check_topic
from support.databases import Database
from support.relays import NOTES, PATIENCE_S, RUNS, ready_relay, running_relay
from support.waiting import until

# No look without a reason: a wake-up that is lost must not be made up for by a poll.
NEVER: dict[str, Any] = {"slow_poll_interval_s": 100_000.0}
SINK = "SELECT outcome FROM khala.sink(%s, %s, %s, '{}')"


async def switch(database: Database, writes: str, topic: str = NOTES) -> None:
    async with await psycopg.AsyncConnection.connect(database.dba_dsn, autocommit=True) as dba:
        await dba.execute("SELECT khala.set_topic_writes(%s, %s)", [topic, writes])


async def write(database: Database, writer: int, versions: range, pause_s: float = 0) -> None:
    async with await psycopg.AsyncConnection.connect(
        database.runtime_dsn, autocommit=True
    ) as connection:
        for version in versions:
            await connection.execute(SINK, [NOTES, f"doc {writer}", version])
            await asyncio.sleep(pause_s)  # the pace of a runtime


async def staged(database: Database) -> tuple[Any, ...]:
    """How many writes are staged, and whether whoever sequences them sleeps."""
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        found = await connection.execute(
            "SELECT (SELECT count(*) FROM runtime.sync_staged_writes),"
            " (SELECT armed FROM runtime.sync_topic_staging WHERE topic = %s)",
            [NOTES],
        )
        row = await found.fetchone()
    assert row is not None
    return row


async def all_sequenced(database: Database) -> None:
    async def rests() -> bool:
        return await staged(database) == (0, True)

    await until(rests, "everything staged is sequenced", PATIENCE_S)


@pytest.mark.parametrize("relay_count", [1, 2])
async def test_every_write_is_delivered_in_order(database: Database, relay_count: int) -> None:
    writers, writes = 6, 40
    await switch(database, "grouped")
    async with AsyncExitStack() as stack:
        ring = None
        peers = []
        for _ in range(relay_count):
            running = await stack.enter_async_context(running_relay(database, ring, **NEVER))
            ring = running.keyring
            await ready_relay(running)
            peers.append(await stack.enter_async_context(running.joined()))
            await peers[-1].subscribe(NOTES, resume_after={NOTES: 0})
        # Now and then everybody has caught up and sleeps, now and then writers come together.
        await asyncio.gather(
            *(write(database, n, range(1, writes + 1), 0.002 * n) for n in range(writers))
        )
        for peer in peers:
            updates, _ = await peer.updates_until(writers * writes)
            assert [u["watermark"] for u in updates] == list(range(1, writers * writes + 1))
            for n in range(writers):
                versions = [u["doc_version"] for u in updates if u["doc_key"] == f"doc {n}"]
                assert versions == list(range(1, writes + 1))
        await all_sequenced(database)
        # And each of them is still awake enough for one more.
        await write(database, 0, range(writes + 1, writes + 2))
        for peer in peers:
            await peer.updates_until(writers * writes + 1)


async def test_without_a_subscriber_and_across_relays(newest_database: Database) -> None:
    """What was staged while there was no relay is found by the next one."""
    database = newest_database
    await switch(database, "grouped")
    async with running_relay(database, **NEVER) as running:
        await ready_relay(running)
        await write(database, 1, range(1, 11))
        await all_sequenced(database)
    await write(database, 2, range(1, 11))
    assert await staged(database) == (10, True)
    async with running_relay(database, **NEVER):
        await all_sequenced(database)
    with database.connect() as connection:
        assert check_topic(connection, NOTES).head == 20


async def test_a_topic_is_switched_while_the_relay_runs(newest_database: Database) -> None:
    database = newest_database
    async with running_relay(database, **NEVER) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, resume_after={NOTES: 0})
            for turn in range(3):
                for writes in ("grouped", "direct"):
                    await switch(database, writes)
                    await write(
                        database, turn, range(1, 11) if writes == "grouped" else range(11, 21)
                    )
            updates, _ = await peer.updates_until(60)
    assert [u["watermark"] for u in updates] == list(range(1, 61))


async def test_a_topic_that_waits_for_a_lock_holds_up_no_other(newest_database: Database) -> None:
    database = newest_database
    await write(database, 0, range(1, 2))
    for topic in (NOTES, RUNS):
        await switch(database, "grouped", topic)
    async with running_relay(database, database_timeout_s=3 * PATIENCE_S, **NEVER) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(RUNS, resume_after={RUNS: 0})
            async with (
                await psycopg.AsyncConnection.connect(database.dsn) as other,
                await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as watching,
            ):
                await other.execute("SELECT FROM runtime.sync_documents FOR UPDATE")
                await write(database, 0, range(2, 3))

                async def waits() -> bool:
                    found = await watching.execute(
                        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock' AND query LIKE '%khala.sequence%'"
                    )
                    return found.rowcount == 1

                await until(waits, "the topic's sequencing waits for the lock", PATIENCE_S)
                await watching.execute(SINK, [RUNS, "doc", 1])
                await peer.updates_until(1, RUNS)
            await all_sequenced(database)
