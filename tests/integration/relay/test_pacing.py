"""Live feeds that rest: a busy relay pulls less often than updates come, and loses none of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from khala_pg.relay.delivery import feeds
from support.postgres.databases import Database
from support.relay.relays import (
    NOTES,
    RUNS,
    WORKERS,
    Payload,
    Peer,
    RunningRelay,
    Writer,
    ready_relay,
    running_relay,
    writer,
)
from support.relay.scraping import scrape

TOPICS = (NOTES, RUNS, WORKERS)
WRITES = 1500
# One commit after the other, as fast as the server can by itself.
_WRITE = """
DO $$
BEGIN
    FOR n IN 1..{writes} LOOP
        PERFORM khala.sink('{topic}', 'd' || n % 7, n, jsonb_build_object('n', n));
        COMMIT;
    END LOOP;
END
$$
"""


class SleepyPacer:
    """Rests after every page that reached the head, and for longer than any test takes."""

    def __init__(self, max_rest_s: float) -> None:
        pass

    def rest_s(self, *told: Any) -> float:
        return 1000.0


@asynccontextmanager
async def relay_and_peer(
    database: Database, **limits: Any
) -> AsyncIterator[tuple[RunningRelay, Peer]]:
    """A relay that is ready, and who has joined it."""
    async with running_relay(database, **limits) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            yield running, peer


async def write(writer_: Writer, topic: str) -> None:
    await writer_.connection.execute(_WRITE.format(writes=WRITES, topic=topic))


async def read(peer: Peer) -> dict[str, list[Payload]]:
    """What comes of each topic until all of it has come."""
    found: dict[str, list[Payload]] = {topic: [] for topic in TOPICS}
    while any(len(updates) < WRITES for updates in found.values()):
        batch = await peer.event("sync:update_batch")
        [covered] = batch["covered_watermarks"]
        found[covered["topic"]] += batch["updates"]
    return found


async def test_a_busy_relay_pulls_less_often_than_updates_come(newest_database: Database) -> None:
    async with (
        relay_and_peer(newest_database, metrics_port=0) as (running, peer),
        writer(newest_database) as one,
        writer(newest_database) as two,
        writer(newest_database) as three,
    ):
        await peer.subscribe(*TOPICS, resume_after=dict.fromkeys(TOPICS, 0))
        writing = zip((one, two, three), TOPICS, strict=True)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read(peer))
            for each in writing:
                tasks.create_task(write(*each))
        after = await scrape(running)
    for updates in reading.result().values():
        assert [update["watermark"] for update in updates] == list(range(1, WRITES + 1))
        assert [update["doc_version"] for update in updates] == list(range(1, WRITES + 1))
    pages = after.value("khala_feed_pages_total")
    assert 0 < pages < after.value("khala_updates_sent_total", path="live") / 4
    assert after.value("khala_lost_wakeups_total") == 0


async def test_a_page_that_left_more_is_followed_by_no_rest(
    newest_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "Pacer", SleepyPacer)
    async with (
        relay_and_peer(newest_database, max_batch_updates=7) as (_, peer),
        writer(newest_database) as runtime,
    ):
        await peer.subscribe(NOTES, resume_after={NOTES: 0})
        await peer.updates_until(0)
        await runtime.sink_many(50)
        updates, batches = await peer.updates_until(50)
        assert len(updates) == 50
        assert len(batches) == 8
        # The feed rests now; the end of the relay does not wait for it.


async def test_a_feed_that_rests_keeps_what_joins_it_ahead_in_order(
    newest_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscriber whose own replay saw more waits for the feed, which goes on after its rest."""
    monkeypatch.setattr(SleepyPacer, "rest_s", lambda *told: 0.2)
    monkeypatch.setattr(feeds, "Pacer", SleepyPacer)
    async with (
        relay_and_peer(newest_database) as (running, first),
        writer(newest_database) as runtime,
    ):
        await first.subscribe(NOTES, resume_after={NOTES: 0})
        await first.updates_until(0)
        await runtime.sink("first")
        await first.updates_until(1)
        # The feed rests at 1.
        await runtime.sink("second")
        async with running.joined() as second:
            await second.subscribe(NOTES, resume_after={NOTES: 1})
            seen, _ = await second.updates_until(2)
            await runtime.sink("third")
            later, _ = await second.updates_until(3)
        assert [update["watermark"] for update in seen + later] == [2, 3]
        updates, _ = await first.updates_until(3)
        assert [update["watermark"] for update in updates] == [2, 3]
