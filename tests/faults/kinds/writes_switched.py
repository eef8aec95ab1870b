"""Topics are switched between direct and grouped writes while they are written to, and sequencers
die; at the end all of them are as they were."""

import asyncio
import contextlib
import time

import psycopg

from faults.world import World

_SWITCH = "SELECT khala.set_topic_writes(%s, %s)"
_WRITES = "SELECT topic, writes FROM runtime.sync_topics WHERE topic = ANY(%s)"


async def inject(world: World) -> float:
    topics = list(world.writing.topics)
    async with await psycopg.AsyncConnection.connect(
        world.database.dba_dsn, autocommit=True
    ) as connection:
        before = await (await connection.execute(_WRITES, [topics])).fetchall()
        for turn in range(20):
            with contextlib.suppress(psycopg.errors.DeadlockDetected):
                await connection.execute(
                    _SWITCH, [world.rng.choice(topics), world.rng.choice(["direct", "grouped"])]
                )
            await world.last(0.0, 0.2)
            if turn == 10:
                await asyncio.to_thread(world.relay.kill)
                await asyncio.to_thread(world.relay.start)
        for topic, writes in before:
            await connection.execute(_SWITCH, [topic, writes])
    return time.monotonic()
