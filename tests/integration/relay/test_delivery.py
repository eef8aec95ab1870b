"""Every subscriber sees every watermark that is its own, once and in order, whatever happens."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from support.postgres.databases import Database
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    RUNS,
    Peer,
    RunningRelay,
    Writer,
    ready_relay,
    running_relay,
    writer,
)
from support.trials.seeds import choose_seed, stream

ORGS = ("org-a", "org-b", "org-c")


@asynccontextmanager
async def writers(database: Database, count: int) -> AsyncIterator[list[Writer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(writer(database)) for _ in range(count)]


class Follower:
    """A client that reads one topic to the end, drops its socket at random, and resumes."""

    def __init__(self, relays: list[RunningRelay], org: str, rng: random.Random) -> None:
        self.relays = relays
        self.org = org
        self.rng = rng
        self.cursor = 0
        self.seen: list[int] = []
        self.resumed = 0

    async def follow(self, until: int, drops: int) -> None:
        """Reads until the watermark is covered; a few sockets end before."""
        while self.cursor < until:
            running = self.rng.choice(self.relays)
            patience = self.rng.randint(1, 30) if self.resumed < drops else 10**9
            self.resumed += 1
            try:
                async with running.joined(running.token(self.org)) as peer:
                    await self._read(peer, until, patience)
                    if self.cursor < until:
                        peer.socket.transport.abort()
            except (ConnectionClosed, OSError):
                continue

    async def _read(self, peer: Peer, until: int, patience: int) -> None:
        size = self.rng.choice([1, 7, 200])
        await peer.subscribe(NOTES, resume_after={NOTES: self.cursor}, replay_batch_size=size)
        connection_start = self.cursor
        while self.cursor < until and patience > 0:
            patience -= 1
            frame = await peer.next(lambda f: f[3] in ("sync:update_batch", "sync:heartbeat"))
            if frame[3] == "sync:heartbeat":
                covered = frame[4]["watermarks"]
            else:
                covered = frame[4]["covered_watermarks"]
                for update in frame[4]["updates"]:
                    assert update["watermark"] > connection_start, "given twice"
                    connection_start = update["watermark"]
                    self.seen.append(update["watermark"])
            for entry in covered:
                assert entry["watermark"] >= self.cursor, "covered went back"
                self.cursor = entry["watermark"]


async def journal(database: Database) -> list[tuple[int, str | None]]:
    async with await psycopg.AsyncConnection.connect(database.dsn) as connection:
        rows = await connection.execute(
            "SELECT watermark, org_id FROM runtime.sync_stream_events"
            " WHERE topic = %s ORDER BY watermark",
            (NOTES,),
        )
        return await rows.fetchall()


@pytest.mark.parametrize("relay_count", [1, 2])
async def test_each_watermark_once_in_order_without_a_gap(
    database: Database, relay_count: int
) -> None:
    seed = choose_seed()
    writes, writer_count, follower_count = 60, 6, 12
    total = writes * writer_count
    async with AsyncExitStack() as stack:
        relays: list[RunningRelay] = []
        for _ in range(relay_count):
            ring = relays[0].keyring if relays else None
            relays.append(
                await stack.enter_async_context(
                    running_relay(database, ring, heartbeat_interval_s=0.3, max_batch_updates=50)
                )
            )
            await ready_relay(relays[-1])
        made = await stack.enter_async_context(writers(database, writer_count))

        async def write(number: int) -> None:
            rng = stream(seed, f"writer {number}")
            for turn in range(writes):
                org = rng.choice([None, *ORGS])
                await made[number].sink(f"w{number}-{turn}", 1, {"n": turn}, org)
                if rng.random() < 0.1:
                    # What writes touch beside the topic at hand must not disturb it.
                    await made[number].sink(f"w{number}-{turn}", 1, topic=RUNS)

        followers = [
            Follower(relays, ORGS[number % 3], stream(seed, f"follower {number}"))
            for number in range(follower_count)
        ]
        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            for number in range(writer_count):
                tasks.create_task(write(number))
            for number, follower in enumerate(followers):
                tasks.create_task(follower.follow(total, drops=number % 6))
    rows = await journal(database)
    assert [watermark for watermark, _ in rows] == list(range(1, total + 1))
    for follower in followers:
        mine = [watermark for watermark, org in rows if org in (None, follower.org)]
        assert follower.seen == mine


async def test_a_writer_that_holds_its_transaction_open_hides_nothing(database: Database) -> None:
    async with (
        running_relay(database, slow_poll_interval_s=600.0) as running,
        writers(database, 2) as (slow, fast),
    ):
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await fast.sink("d1")
            await peer.updates_until(1)
            async with slow.connection.transaction():
                assert await slow.sink("slow") == 2
                blocked = asyncio.create_task(fast.sink("fast"))
                # The relay goes on answering while the topic's row is held.
                for _ in range(20):
                    await peer.ask("sync:heartbeat", {})
                    await peer.event("sync:heartbeat")
                assert not blocked.done()
            assert await blocked == 3
            updates, _ = await peer.updates_until(3)
            assert [update["doc_key"] for update in updates] == ["slow", "fast"]


async def read_slowly(peer: Peer, total: int) -> list[int]:
    seen: list[int] = []
    while not seen or seen[-1] < total:
        batch = await peer.event("sync:update_batch")
        seen += [update["watermark"] for update in batch["updates"]]
    return seen


@pytest.mark.parametrize("max_unsent", [0, 64 * 1024])
async def test_a_slow_reader_is_taken_off_the_feed_and_catches_up(
    database: Database, max_unsent: int
) -> None:
    total, text = 4000, "x" * 4000
    async with (
        running_relay(database, max_write_buffer_bytes=max_unsent) as running,
        writer(database) as write,
    ):
        await ready_relay(running)
        async with running.joined() as quick, running.joined(max_queue=1) as slow:
            for peer in (quick, slow):
                await peer.subscribe(NOTES)
                await peer.event("sync:update_batch")
            most_unsent = 0

            async def write_all() -> None:
                for version in range(1, total // 200 + 1):
                    await write.sink_many(200, version, text)

            async def watch() -> None:
                nonlocal most_unsent
                while True:
                    most_unsent = max(most_unsent, running.relay.unsent_bytes)
                    await asyncio.sleep(0.01)

            watching = asyncio.create_task(watch())
            writing = asyncio.create_task(write_all())
            async with asyncio.timeout(PATIENCE_S * 2):
                # The quick one is through while the slow one has not read anything.
                seen = await read_slowly(quick, total)
            assert seen == list(range(1, total + 1))
            await writing
            watching.cancel()
            frame_bytes = 200 * (len(text) + 500)
            assert 0 < most_unsent <= 2 * (max_unsent + 2 * frame_bytes)
            async with asyncio.timeout(PATIENCE_S * 2):
                assert await read_slowly(slow, total) == list(range(1, total + 1))
            # Live again.
            await write.sink("last")
            await slow.updates_until(total + 1)


async def test_a_subscription_ends_while_its_page_is_fetched(newest_database: Database) -> None:
    async with (
        running_relay(newest_database) as running,
        writer(newest_database) as write,
    ):
        await ready_relay(running)
        await write.sink_many(3000, text="x" * 300)
        async with running.joined() as peer:
            for _ in range(20):
                refs: list[Any] = []
                payload = {"topics": [NOTES], "resume_after": {NOTES: 0}}
                refs.append(await peer.send("sync:subscribe", payload))
                refs.append(await peer.send("sync:unsubscribe", {"topics": [NOTES]}))
                await peer.reply_to(refs[0])
                await peer.reply_to(refs[1])
                peer.frames.clear()
                await peer.ask("sync:heartbeat", {})
                await peer.event("sync:heartbeat")
                assert peer.frames == []
