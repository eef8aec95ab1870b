"""A transaction holds a topic's sequence row, which every writer of the topic needs."""

import time

import psycopg

from faults.world import World

# Far beyond what relay and writers wait for a statement.
_HELD_S = 10.0
_LOCK = "SELECT FROM runtime.sync_topic_sequences WHERE topic = %s FOR UPDATE"


async def inject(world: World) -> float:
    topic = world.rng.choice(world.writing.topics)
    async with await psycopg.AsyncConnection.connect(world.database.dsn) as connection:
        await connection.execute(_LOCK, [topic])
        await world.last(_HELD_S, _HELD_S)
        lifted = time.monotonic()
        await connection.rollback()
    return lifted
