"""Pages of replay are read ahead of the socket that takes them, and never twice for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from khala_pg.errors import StaleCursorError
from khala_pg.relay.database.pool import Database as RelayDatabase
from khala_pg.relay.delivery.lanes import JSON
from khala_pg.relay.delivery.pages import Pages, Wanted
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay_connection
from support.postgres.databases import Database
from support.relay.relays import NOTES, ready_relay, running_relay, writer
from support.relay.scraping import scrape


@dataclass
class Reading:
    """Pages of a real database, the tasks they start, and how often they asked it."""

    pages: Pages
    first: Wanted
    tasks: list[asyncio.Task[None]]
    asked: list[None] = field(default_factory=list)

    async def settled(self) -> None:
        """Returns when nothing is being read ahead."""
        await asyncio.gather(*self.tasks)


@asynccontextmanager
async def reading(
    database: Database, max_shared_page_bytes: int = 32 * 1024 * 1024
) -> AsyncIterator[Reading]:
    settings = RelaySettings(
        database.relay_dsn,
        max_shared_page_age_s=60,
        max_shared_page_bytes=max_shared_page_bytes,
    )
    relay_database = RelayDatabase(settings, lambda terms: None)
    await relay_database.open()
    tasks: list[asyncio.Task[None]] = []
    asked: list[None] = []
    try:
        async with asyncio.TaskGroup() as group:
            epoch, _ = await relay_database.call(relay_connection.terms)
            pages = Pages(
                settings,
                relay_database,
                lambda: asked.append(None),
                lambda work: tasks.append(group.create_task(work)),
            )
            wanted = Wanted(JSON, NOTES, 0, "org-a", 10, epoch, compact=False)
            yield Reading(pages, wanted, tasks, asked)
    finally:
        await relay_database.close()


def needed() -> bool:
    return True


async def test_an_expected_page_is_there_when_it_is_asked_for(newest_database: Database) -> None:
    async with reading(newest_database) as at, writer(newest_database) as write:
        await write.sink_many(30)
        await at.pages.expect(at.first, 0, needed)
        await at.settled()
        assert len(at.asked) == 1
        # It is there, or on its way: either way it is not asked for again.
        await at.pages.expect(at.first, 0, needed)
        page = await at.pages.get(at.first, 0, needed)
        assert page is not None
        assert (page.updates, page.next_watermark, page.complete) == (10, 10, False)
        following = replace(at.first, after=10)
        await at.pages.expect(following, 0, needed)
        page = await at.pages.get(following, 0, needed)
        assert page is not None
        assert page.next_watermark == 20
        assert len(at.asked) == 2


async def test_what_becomes_of_an_expected_page_is_told_to_whoever_gets_it(
    newest_database: Database,
) -> None:
    async with reading(newest_database) as at, writer(newest_database) as write:
        await write.sink_many(30)
        await write.purge()
        await at.pages.expect(at.first, 0, needed)
        await at.settled()
        with pytest.raises(StaleCursorError):
            await at.pages.get(at.first, 0, needed)


async def test_nothing_is_read_ahead_that_would_not_be_kept(newest_database: Database) -> None:
    async with (
        reading(newest_database, max_shared_page_bytes=0) as at,
        writer(newest_database) as write,
    ):
        await write.sink_many(30)
        await at.pages.expect(at.first, 0, needed)
        assert not at.tasks
        assert await at.pages.get(at.first, 0, needed) is not None
        assert len(at.asked) == 1


async def test_a_socket_gets_every_page_and_each_is_read_once(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0, max_batch_updates=20) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        await write.sink_many(450)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, resume_after={NOTES: 0})
            updates, batches = await peer.updates_until(450)
        assert [update["watermark"] for update in updates] == list(range(1, 451))
        assert len(batches) == 23
        seen = await scrape(running)
        assert seen.value("khala_replay_pages_total") == 23
        assert seen.value("khala_replay_reads_total") == 23
