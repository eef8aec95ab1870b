"""Two relays that are never allowed to look by themselves still deliver everything, at once.

Without the slow poll, an update whose notification was lost would stay undelivered: between the
commit of a writer and a relay that goes to sleep there is no room for one.
"""

import asyncio
import random
from functools import partial
from pathlib import Path

import psycopg
import pytest

from support.postgres.consistency import Model, check_topic, visible
from support.postgres.databases import Database
from support.relay.relay_process import QUICK, TOPICS, relay_process
from support.relay.relays import Peer
from support.trials.scale import scaled
from support.trials.seeds import stream
from support.trials.waiting import until
from support.wire.subscriber import Subscriber

NEVER_S = 100_000
LIMITS = {
    **QUICK,
    "slow_poll_interval_s": NEVER_S,
    "probe_interval_s": NEVER_S,
    # Tells those who may see nothing of a page how far they are; it makes nobody look.
    "heartbeat_interval_s": 0.05,
}
ROUNDS = scaled(150)
WRITERS = 4
ORG = "red"
_SINK = "SELECT khala.sink(%s, %s, %s, '{}', %s)"


async def write_some(database: Database, rng: random.Random, writer: int, round_: int) -> None:
    """A burst as short as can be: the relays fall asleep between any two of these transactions."""
    async with await psycopg.AsyncConnection.connect(database.runtime_dsn) as connection:
        for number in range(rng.randint(1, 4)):
            version = round_ * 100 + number
            key, org = f"doc {writer}", rng.choice([None, ORG, "blue"])
            kind = rng.random()
            if kind < 0.2:
                await connection.execute(_SINK, [rng.choice(TOPICS), key, version, org])
                await connection.rollback()
            elif kind < 0.4:
                topic = rng.choice(TOPICS)
                await connection.execute("SAVEPOINT attempt")
                await connection.execute(_SINK, [topic, key, version, org])
                await connection.execute("ROLLBACK TO attempt")
                if rng.random() < 0.5:
                    await connection.execute(_SINK, [topic, key, version + 50, org])
            else:
                await connection.execute(_SINK, [rng.choice(TOPICS), key, version, org])
            # The row stays locked a little longer than a relay's look.
            await connection.execute("SELECT pg_sleep(%s)", [rng.choice([0, 0, 0.001, 0.01])])
            await connection.commit()


def heads_of(database: Database) -> dict[str, int]:
    with database.connect() as connection:
        return {topic: check_topic(connection, topic).head for topic in TOPICS}


@pytest.mark.slow
async def test_every_commit_is_delivered_without_a_poll(
    newest_database: Database, tmp_path: Path, seed: int
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    dsn = newest_database.relay_dsn
    with (
        relay_process(dsn, tmp_path / "one", LIMITS) as one,
        relay_process(dsn, tmp_path / "two", LIMITS) as two,
    ):
        subscribers = [
            Subscriber(f"of relay {number}, {org}", org, TOPICS, partial(relay.url, org))
            for number, relay in enumerate((one, two))
            for org in (ORG, "nobody")
        ]
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for subscriber in subscribers:
                group.create_task(subscriber.follow(is_over.is_set, random.Random(0)))
            for round_ in range(ROUNDS):
                rngs = [stream(seed, f"writer {n}, round {round_}") for n in range(WRITERS)]
                await asyncio.gather(
                    *(
                        write_some(newest_database, rng, writer, round_)
                        for writer, rng in enumerate(rngs)
                    )
                )
                heads = await asyncio.to_thread(heads_of, newest_database)
                for subscriber in subscribers:
                    await until(
                        partial(subscriber.has_reached, heads),
                        f"{subscriber.name} reaches {heads} in round {round_}, "
                        f"it is at {subscriber.cursors}",
                        20,
                    )
            is_over.set()
        with newest_database.connect() as connection:
            for subscriber in subscribers:
                assert subscriber.connections == 1
                subscriber.check(connection, partial(_read_model, newest_database, subscriber.org))


async def test_a_new_epoch_is_told_without_a_poll(
    newest_database: Database, tmp_path: Path
) -> None:
    """Nobody writes, so no topic is named: the relay has to look at all of them."""
    with relay_process(newest_database.relay_dsn, tmp_path, LIMITS) as relay:
        async with Peer(relay.url(ORG)) as peer:
            await peer.join()
            await peer.subscribe(*TOPICS)
            for _ in TOPICS:
                await peer.event("sync:update_batch")
            with newest_database.connect("dba") as connection:
                connection.execute("SELECT khala.new_epoch('by hand')")
            told: set[str] = set()
            while told < set(TOPICS):
                stale = await peer.event("sync:error")
                assert stale["code"] == "stale_cursor"
                told |= {entry["topic"] for entry in stale["stale_topics"]}


def _read_model(database: Database, org: str, topic: str) -> Model:
    with database.connect() as connection:
        return visible(connection, topic, org)
