"""A subscription that asks for it is not sent what has been replaced while it was away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from khala_pg.client import KhalaClient, Start
from khala_pg.client.connection import Encoding
from support.postgres.databases import Database
from support.relay import client_relay
from support.relay.client_relay import RUNS, sink
from support.relay.relays import NOTES, Peer, RunningRelay, ready_relay, running_relay, writer

DOCUMENTS, VERSIONS = 100, 50
HEAD = DOCUMENTS * VERSIONS
KEYS = [f"d{n}" for n in range(1, DOCUMENTS + 1)]


@asynccontextmanager
async def ready_peer(running: RunningRelay, token: str | None = None) -> AsyncIterator[Peer]:
    await ready_relay(running)
    async with running.joined(token) as peer:
        yield peer


async def test_catching_up_sends_what_is_current(database: Database) -> None:
    async with (
        running_relay(database) as running,
        writer(database) as write,
        ready_peer(running) as peer,
    ):
        for version in range(1, VERSIONS + 1):
            await write.sink_many(DOCUMENTS, version, "x" * 500)
        await peer.subscribe(NOTES, resume_after={NOTES: 0}, compact=True)
        updates, batches = await peer.updates_until(HEAD)
        assert [update["doc_key"] for update in updates] == KEYS
        assert {update["doc_version"] for update in updates} == {VERSIONS}
        assert len(batches) == 1
        assert batches[0]["replay_complete"] is True

        # Live, nothing is left out.
        for version in range(VERSIONS + 1, VERSIONS + 11):
            await write.sink("d1", version)
        updates, _ = await peer.updates_until(HEAD + 10)
        assert [update["doc_version"] for update in updates] == list(
            range(VERSIONS + 1, VERSIONS + 11)
        )


async def test_whoever_does_not_ask_gets_every_version(newest_database: Database) -> None:
    async with (
        running_relay(newest_database) as running,
        writer(newest_database) as write,
        ready_peer(running) as compact,
        ready_peer(running) as full,
    ):
        for version in range(1, 4):
            await write.sink_many(100, version)
        await compact.subscribe(NOTES, resume_after={NOTES: 0}, compact=True)
        await full.subscribe(NOTES, resume_after={NOTES: 0}, compact=False)
        updates, _ = await compact.updates_until(300)
        assert [update["watermark"] for update in updates] == list(range(201, 301))
        updates, _ = await full.updates_until(300)
        assert [update["watermark"] for update in updates] == list(range(1, 301))


async def test_a_former_owner_is_told(newest_database: Database) -> None:
    async with (
        running_relay(newest_database) as running,
        writer(newest_database) as write,
        ready_peer(running, running.token("org-a")) as peer,
    ):
        for version in range(1, 10):
            await write.sink("moved", version, org="org-a")
        await write.sink("moved", 10, org="org-b")
        head = await write.sink("moved", 11, org="org-b")
        await peer.subscribe(NOTES, resume_after={NOTES: 0}, compact=True)
        updates, _ = await peer.updates_until(head)
        assert [(update["doc_key"], update["deleted"]) for update in updates] == [("moved", True)]


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
async def test_our_client_asks_for_it(newest_database: Database, encoding: Encoding) -> None:
    for version in range(1, 21):
        head = sink(newest_database, "d", version, {"n": version})
    async with client_relay.running_relay(newest_database.relay_dsn) as relay:

        async def versions(**options: Any) -> list[int]:
            """Of the changes that a client shows that begins at the first."""
            start = Start(cursors={RUNS: 0})
            found = []
            async with KhalaClient(
                relay.endpoint, [RUNS], start=start, encoding=encoding, **options
            ) as client:
                async for change in client.changes():
                    assert change.document is not None
                    found.append(change.document.doc_version)
                    if change.document.watermark == head:
                        break
            return found

        assert await versions() == [20]
        assert await versions(compact=False) == list(range(1, 21))
