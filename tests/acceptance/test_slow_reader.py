"""A reader that stops: the relay's memory is bounded, others notice nothing, it catches up.

KHALA_TEST_SCALE=0.1 makes a quick run of it.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from khala_pg.relay.settings import RelaySettings
from support.postgres.consistency import visible
from support.postgres.databases import Database
from support.relay.relay_process import RelayProcess, relay_process
from support.trials.scale import scaled
from support.trials.waiting import until
from support.wire.subscriber import Subscriber

TOPIC = "runtime.run_summaries"
ORG = "red"
UPDATES = scaled(50_000, 5_000)
STALL_S = scaled(30, 3)
BATCH = 100
OTHERS = 3
PATIENCE_S = 180.0
_SETTINGS = RelaySettings("")
# What a connection may have waiting, one frame more, and the page that is fetched to become it.
BOUND_BYTES = _SETTINGS.max_write_buffer_bytes + 2 * _SETTINGS.max_batch_bytes
# An interpreter's memory comes and goes in arenas; fifty times less than what flows.
NOISE_BYTES = 6 * 2**20
MOST_SLOWDOWN = 1.3

_FLOW = """
SELECT khala.sink_batch(%s, (
    SELECT jsonb_agg(jsonb_build_object('doc_key', 'doc ' || n %% 500, 'doc_version', n,
        'org_id', 'red',
        'payload', jsonb_build_object('n', n, 'text', repeat('x', 1000))) ORDER BY n)
    FROM generate_series(%s::int, %s) AS n))
"""


@dataclass
class Observed:
    """One relay, its subscribers that read, and what was measured while the updates flowed."""

    relay: RelayProcess
    others: list[Subscriber]
    rss_before: int = 0
    rss_peak: int = 0
    flow_s: float = 0.0


def observe(relay: RelayProcess) -> Observed:
    url = partial(relay.url, ORG)
    return Observed(relay, [Subscriber(f"other {n}", ORG, [TOPIC], url) for n in range(OTHERS)])


async def flow(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(
        database.runtime_dsn, autocommit=True
    ) as connection:
        for first in range(1, UPDATES + 1, BATCH):
            await connection.execute(_FLOW, [TOPIC, first, first + BATCH - 1])


async def measure(database: Database, observed: list[Observed]) -> None:
    """Lets the updates flow once, through all relays at the same time, whatever else runs here."""
    everybody = [subscriber for each in observed for subscriber in each.others]
    async with asyncio.TaskGroup() as group:
        following = [
            [group.create_task(_follow(subscriber)) for subscriber in each.others]
            for each in observed
        ]
        await until(lambda: all(s.has_reached({TOPIC: 0}) for s in everybody), "all are live")
        for each in observed:
            each.rss_before = each.rss_peak = each.relay.rss_bytes()
        watching = group.create_task(_watch_memory(observed))
        began = time.monotonic()
        await flow(database)
        for each, tasks in zip(observed, following, strict=True):
            each.flow_s = max(await asyncio.gather(*tasks)) - began
        watching.cancel()
    for subscriber in everybody:
        [stretch] = subscriber.stretches
        assert stretch.watermarks == list(range(1, UPDATES + 1))


async def _follow(subscriber: Subscriber) -> float:
    """Reads all there is; when that was done."""
    async with connect(subscriber.url(), max_size=None, compression=None) as socket_:
        await subscriber.begin(socket_)
        while not subscriber.has_reached({TOPIC: UPDATES}):
            subscriber.take(json.loads(await socket_.recv()))
        return time.monotonic()


async def _watch_memory(observed: list[Observed]) -> None:
    while True:
        for each in observed:
            each.rss_peak = max(each.rss_peak, each.relay.rss_bytes())
        await asyncio.sleep(0.05)  # between samples


@asynccontextmanager
async def small_window(url: str) -> AsyncIterator[ClientConnection]:
    """A socket whose kernel takes little on its behalf, so that not reading is felt at once."""
    host, port = url.removeprefix("ws://").partition("/")[0].split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    raw.connect((host, int(port)))
    async with connect(url, sock=raw, max_size=None, max_queue=1, compression=None) as socket_:
        yield socket_


@pytest.mark.slow
async def test_a_reader_that_stops_costs_a_bounded_amount_and_catches_up(
    newest_database: Database, tmp_path: Path
) -> None:
    """Two relays serve the same flow at the same time; only one of them has the slow reader."""
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    dsn = newest_database.relay_dsn
    with (
        relay_process(dsn, tmp_path / "without") as other_relay,
        relay_process(dsn, tmp_path / "with") as relay,
    ):
        without, with_slow = observe(other_relay), observe(relay)
        slow = Subscriber("slow", ORG, [TOPIC], partial(relay.url, ORG))
        async with small_window(slow.url()) as socket_:
            await slow.begin(socket_)
            while not slow.has_reached({TOPIC: 0}):
                slow.take(json.loads(await socket_.recv()))
            socket_.transport.pause_reading()
            stalled_at = time.monotonic()
            await measure(newest_database, [without, with_slow])
            await until(
                lambda: time.monotonic() - stalled_at >= STALL_S, "the stall is over", STALL_S + 5
            )
            held = relay.rss_bytes()
            assert not slow.has_reached({TOPIC: 1}), "it did not stall"
            socket_.transport.resume_reading()
            resumed_at = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                while not slow.has_reached({TOPIC: UPDATES}):
                    slow.take(json.loads(await socket_.recv()))
            caught_up_s = time.monotonic() - resumed_at
        [stretch] = slow.stretches
        assert stretch.watermarks == list(range(1, UPDATES + 1))
        with newest_database.connect() as connection:
            assert slow.models[TOPIC] == visible(connection, TOPIC, ORG)

    growth, growth_without = (e.rss_peak - e.rss_before for e in (with_slow, without))
    print(
        f"{UPDATES} updates of 1 KiB took {without.flow_s:.1f} s through a relay without and"
        f" {with_slow.flow_s:.1f} s through one with a reader that stalled {STALL_S} s; they grew"
        f" by {growth_without / 2**20:.1f} and {growth / 2**20:.1f} MiB, at the end of the stall"
        f" it was {held / 2**20:.0f} MiB; the reader caught up in {caught_up_s:.1f} s"
    )
    assert growth - growth_without <= BOUND_BYTES + NOISE_BYTES
    assert with_slow.flow_s <= without.flow_s * MOST_SLOWDOWN
