"""A relay sequences grouped topics, with subscribers or without, and alone or beside others."""

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import psycopg
import pytest

from khala_pg.doctor.examine import examine
from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    RUNS,
    WORKERS,
    Writer,
    ready_relay,
    running_relay,
    writer,
)
from support.relay.scraping import scrape
from support.trials.waiting import until

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


async def test_topics_that_wait_for_locks_hold_up_no_other(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """However many: there are two connections for all topics, and three that wait."""
    database = newest_database
    caplog.set_level(logging.INFO, "khala.relay")
    stuck = [NOTES, WORKERS, "shop.orders"]
    async with running_relay(database, metrics_port=0, **NEVER) as running:
        await ready_relay(running)
        async with (
            running.joined() as peer,
            writer(database) as other,
            writer(database) as runtime,
        ):
            await runtime.connection.execute(
                "SELECT khala.register_topic('shop.orders', p_ownership => 'mixed')"
            )
            for topic in stuck:
                await runtime.sink("doc", topic=topic)
            for topic in (*stuck, RUNS):
                await switch(database, "grouped", topic)
            await peer.subscribe(RUNS, resume_after={RUNS: 0})
            async with other.connection.transaction():
                await other.connection.execute("SELECT FROM runtime.sync_documents FOR UPDATE")
                for topic in stuck:
                    await stage(runtime, topic, "doc", 2)

                def have_failed() -> bool:
                    return all(said(caplog, f"topic {topic} cannot") for topic in stuck)

                await until(have_failed, "each topic has waited for the lock", PATIENCE_S)
                # The relay goes on trying; meanwhile every write to another topic gets through.
                for version in range(1, 31):
                    await stage(runtime, RUNS, "doc", version)
                    await peer.updates_until(version, RUNS)
            await until(lambda: heads(database, stuck) == [2, 2, 2], "the rest", PATIENCE_S)
            await until(lambda: said(caplog, "is sequenced again") == 3, "its end is logged")
        assert (await scrape(running)).value("khala_sequence_errors_total") >= 3


async def test_a_write_that_a_trigger_refuses_is_named_and_blocks_its_topic_alone(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database = newest_database
    caplog.set_level(logging.INFO, "khala.relay")
    for topic in (NOTES, RUNS):
        await switch(database, "grouped", topic)
    async with writer(database) as runtime:
        await runtime.connection.execute(_PICKY)
        # All in one batch of the relay that comes.
        for n in range(20):
            await stage(runtime, NOTES, "bad" if n == 12 else f"doc {n}", 1)
        async with running_relay(database, max_backoff_s=0.1, **NEVER) as running:
            await ready_relay(running)
            async with running.joined() as peer:
                await peer.subscribe(NOTES, RUNS, resume_after={NOTES: 0, RUNS: 0})
                updates, _ = await peer.updates_until(12)
                assert [update["doc_key"] for update in updates] == [f"doc {n}" for n in range(12)]
                await stage(runtime, RUNS, "doc", 1)
                await peer.updates_until(1, RUNS)
                # As if it had waited for a minute.
                await runtime.connection.execute(
                    "UPDATE runtime.sync_staged_writes SET staged_at = now() - interval '1 hour'"
                )
                [finding] = [
                    f for f in examine(database.dsn).findings if f.check == "grouped topics"
                ]
                assert finding.status == "fail"
                assert NOTES in finding.message
                assert "'bad'" in finding.message
                assert said(caplog, f"topic {NOTES} cannot be sequenced: it is bad")
                assert not said(caplog, f"topic {RUNS} cannot")
                await runtime.connection.execute("DROP TRIGGER picky ON runtime.sync_documents")
                updates, _ = await peer.updates_until(20)
                assert updates[0]["doc_key"] == "bad"
                await until(lambda: said(caplog, "is sequenced again") == 1, "its end is logged")


_PICKY = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'it is bad';
END
$$;
CREATE TRIGGER picky BEFORE INSERT ON runtime.sync_documents
FOR EACH ROW WHEN (new.doc_key = 'bad') EXECUTE FUNCTION public.refuse();
"""


async def stage(runtime: Writer, topic: str, key: str, version: int) -> None:
    await runtime.connection.execute(SINK, [topic, key, version])


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """How many lines of the log have these words."""
    return sum(words in record.getMessage() for record in caplog.records)


def heads(database: Database, topics: list[str]) -> list[int]:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT head_watermark FROM khala.topic_stats WHERE topic = ANY(%s)", [topics]
        )
        return [head for (head,) in found]


async def test_a_removed_topic_is_sequenced_no_more(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """And again once it is registered anew."""
    topic = "shop.clicks"
    register = "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => 'grouped')"
    async with (
        await psycopg.AsyncConnection.connect(newest_database.dsn, autocommit=True) as connection,
        running_relay(newest_database, **NEVER) as running,
    ):
        await ready_relay(running)

        def has_head(head: int) -> bool:
            return heads(newest_database, [topic]) == [head]

        for first in (1, 3):
            await connection.execute(register, [topic])
            await connection.execute(SINK, [topic, "k", 1])
            await until(partial(has_head, first), "the write is sequenced", PATIENCE_S)
            await connection.execute("SELECT khala.remove_topic(%s)", [topic])
            await until(
                lambda: topic not in running.relay._sequencer._wakes,
                "its sequencer ends",
                PATIENCE_S,
            )
        assert "cannot be sequenced" not in caplog.text
