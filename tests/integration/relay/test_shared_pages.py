"""Sockets that come back from the same place: a page is read once, and everybody gets all of it."""

import asyncio
from contextlib import AsyncExitStack

from support.postgres.databases import Database
from support.relay.relays import NOTES, Peer, RunningRelay, ready_relay, running_relay, writer
from support.relay.scraping import scrape

PEERS = 8


async def resumed(running: RunningRelay, org: str, until: int) -> list[list[str]]:
    """The documents that sockets of an organisation get which all resume at once."""
    async with AsyncExitStack() as stack:
        peers: list[Peer] = [
            await stack.enter_async_context(running.joined(running.token(org)))
            for _ in range(PEERS)
        ]

        async def documents(peer: Peer) -> list[str]:
            await peer.subscribe(NOTES, resume_after={NOTES: 0})
            updates, _ = await peer.updates_until(until)
            return [update["doc_key"] for update in updates]

        return await asyncio.gather(*map(documents, peers))


async def reads(running: RunningRelay) -> tuple[float, float]:
    seen = await scrape(running)
    return seen.value("khala_replay_reads_total"), seen.value("khala_replay_pages_total")


async def test_the_same_pages_are_read_once(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0, max_shared_page_age_s=60) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        await write.sink_many(450)
        everything = [f"d{n}" for n in range(1, 451)]
        assert await resumed(running, "org-a", 450) == [everything] * PEERS
        assert await reads(running) == (3, 3 * PEERS)
        # What is kept ended at the head of then: the last page has to be read again.
        secret = await write.sink("secret", org="org-b")
        assert await resumed(running, "org-b", secret) == [[*everything, "secret"]] * PEERS
        assert await reads(running) == (6, 6 * PEERS)
        assert await resumed(running, "org-a", secret) == [everything] * PEERS
        assert await reads(running) == (7, 9 * PEERS)


async def test_sockets_from_different_places_meet_at_the_end_of_a_page(
    newest_database: Database,
) -> None:
    async with (
        running_relay(newest_database, metrics_port=0, max_shared_page_age_s=60) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        await write.sink_many(450)
        for after in (7, 9):
            async with running.joined() as peer:
                await peer.subscribe(NOTES, resume_after={NOTES: after})
                updates, _ = await peer.updates_until(450)
                assert [update["doc_key"] for update in updates] == [
                    f"d{n}" for n in range(after + 1, 451)
                ]
        assert await reads(running) == (4, 6)


async def test_pages_need_not_be_shared(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0, max_shared_page_bytes=0) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        await write.sink_many(10)
        async with running.joined() as one, running.joined() as other:
            for peer in (one, other):
                await peer.subscribe(NOTES, resume_after={NOTES: 0})
                assert len((await peer.updates_until(10))[0]) == 10
        assert await reads(running) == (2, 2)
