"""Everything that can go away does, while everybody writes and reads: nothing is lost or repeated.

Schedule and data come from one seed; KHALA_TEST_SCALE=0.1 makes a quick run of it.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from khala_pg.client import Backoff, KhalaClient, SqliteStore, Start
from support.postgres.consistency import Model, check_topic, visible
from support.postgres.databases import Database
from support.relay.relay_process import TOPICS, RelayProcess, relay_process
from support.trials.scale import scaled
from support.trials.seeds import stream
from support.trials.waiting import until
from support.wire.subscriber import Subscriber

WRITERS = 16
SINKS = scaled(2_000)
SUBSCRIBERS = 14
CLIENTS = 6
RELAY_KILLS = 5
RESTARTS = 2
ORGS = ("red", "blue", "green", "nobody")
SETTLE_S = 90.0
TESTS = Path(__file__).resolve().parents[1]


class Writing:
    """The writers' process and how far it is."""

    def __init__(self) -> None:
        self.done = 0
        self.has_ended = False

    async def read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.done = int(line)
        assert await process.wait() == 0, "the writers failed"
        self.has_ended = True


@asynccontextmanager
async def writers(database: Database, seed: int) -> AsyncIterator[Writing]:
    arguments = {
        "dsn": database.runtime_dsn,
        "topics": TOPICS,
        "writers": WRITERS,
        "sinks": SINKS,
        "seed": seed,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "support.programs.writers", json.dumps(arguments)),
        cwd=TESTS,
        stdout=asyncio.subprocess.PIPE,
    )
    writing = Writing()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(writing.read(process))
            yield writing
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def break_things(
    database: Database, relay: RelayProcess, writing: Writing, rng: random.Random
) -> None:
    """Kills at random moments of the writers' progress, in random order."""
    faults = ["kill"] * RELAY_KILLS + ["restart"] * RESTARTS
    rng.shuffle(faults)
    moments = sorted(rng.uniform(0.05, 0.9) * WRITERS * SINKS for _ in faults)
    for fault, moment in zip(faults, moments, strict=True):
        await until(partial(_is_past, writing, moment), "the writers go on", 240)
        if fault == "kill":
            await asyncio.to_thread(relay.kill)
            await asyncio.to_thread(relay.start)
        else:
            await asyncio.to_thread(database.server.restart, "immediate")


def _is_past(writing: Writing, moment: float) -> bool:
    return writing.has_ended or writing.done >= moment


def check_all(database: Database) -> dict[str, int]:
    """The heads of all topics, whose journals and read models are found to agree."""
    with database.connect() as connection:
        return {topic: check_topic(connection, topic).head for topic in TOPICS}


def positions(client: KhalaClient) -> dict[str, int]:
    return {topic: status.watermark or 0 for topic, status in client.status.topics.items()}


def _is_enough(client: KhalaClient, enough: int, calm: asyncio.Event) -> bool:
    return calm.is_set() or sum(positions(client).values()) >= enough


async def use_client(
    relay: RelayProcess,
    org: str,
    store_file: Path,
    rng: random.Random,
    calm: asyncio.Event,
    heads: dict[str, int],
) -> tuple[dict[str, Model], int]:
    """The project's own client, closed and opened again on its store.

    What it has in the end, and how often it was opened.
    """
    opened = 0
    while True:
        opened += 1
        was_calm = calm.is_set()
        async with KhalaClient(
            lambda: relay.endpoint(org),
            TOPICS,
            store=SqliteStore(store_file),
            start=Start(snapshot=rng.random() < 0.5),
            backoff=Backoff(base=0.02, cap=0.3),
        ) as client:
            if was_calm:
                await until(
                    lambda: all(positions(client)[topic] >= heads[topic] for topic in TOPICS),
                    f"the client of {org} catches up, {client.status}",
                    SETTLE_S,
                )
                models = {
                    topic: {
                        key: (document.doc_version, document.payload)
                        for key, document in client.documents(topic).items()
                    }
                    for topic in TOPICS
                }
                return models, opened
            enough = sum(positions(client).values()) + rng.randint(1, scaled(8_000))
            await until(
                partial(_is_enough, client, enough, calm),
                f"the client of {org} gets on, {client.status}",
                240,
            )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nothing_is_lost_or_repeated_whatever_is_killed(
    own_database: Database, tmp_path: Path, seed: int
) -> None:
    began = time.monotonic()
    calm = asyncio.Event()
    heads: dict[str, int] = {}
    with relay_process(own_database.relay_dsn, tmp_path) as relay:
        subscribers = [
            Subscriber(f"subscriber {n}", org, TOPICS, partial(relay.url, org))
            for n, org in ((n, ORGS[n % len(ORGS)]) for n in range(SUBSCRIBERS))
        ]

        async def follow(subscriber: Subscriber) -> None:
            rng = stream(seed, subscriber.name)
            await subscriber.follow(calm.is_set, rng, most_frames=rng.choice([5, 20, 80]))
            await subscriber.follow(lambda: subscriber.has_reached(heads), rng)

        async with asyncio.TaskGroup() as group:
            clients = {
                n: group.create_task(
                    use_client(
                        relay,
                        ORGS[n % len(ORGS)],
                        tmp_path / f"client {n}.sqlite",
                        stream(seed, f"client {n}"),
                        calm,
                        heads,
                    )
                )
                for n in range(CLIENTS)
            }
            following = [group.create_task(follow(subscriber)) for subscriber in subscribers]
            async with writers(own_database, seed) as writing:
                await break_things(own_database, relay, writing, stream(seed, "faults"))
            heads.update(await asyncio.to_thread(check_all, own_database))
            written_s = time.monotonic() - began
            calm.set()
            async with asyncio.timeout(SETTLE_S):
                await asyncio.gather(*following, *clients.values())
            rss = relay.rss_bytes()

    with own_database.connect() as database:
        given = sum(
            subscriber.check(database, lambda topic: visible(database, topic, subscriber.org))  # noqa: B023 - called at once
            for subscriber in subscribers
        )
        for n, client in clients.items():
            models, _ = client.result()
            for topic in TOPICS:
                assert models[topic] == visible(database, topic, ORGS[n % len(ORGS)])
    print(
        f"{WRITERS} writers x {SINKS} sinks made {sum(heads.values())} events in {written_s:.1f} s;"
        f" {SUBSCRIBERS} subscribers were given {given} updates over"
        f" {sum(s.connections for s in subscribers)} connections,"
        f" {sum(s.resets for s in subscribers)} of them reset;"
        f" {CLIENTS} clients were opened {sum(c.result()[1] for c in clients.values())} times;"
        f" settled {time.monotonic() - began - written_s:.1f} s later,"
        f" relay at {rss / 2**20:.0f} MiB"
    )
