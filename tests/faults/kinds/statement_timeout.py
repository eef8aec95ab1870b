"""The journal is locked for longer than any statement of relay and writers may take."""

import time

import psycopg

from faults.world import World


async def inject(world: World) -> float:
    async with await psycopg.AsyncConnection.connect(world.database.dsn) as connection:
        await connection.execute("LOCK TABLE runtime.sync_stream_events IN ACCESS EXCLUSIVE MODE")
        await world.refused()
        await world.last(0.5, 2.5)
        lifted = time.monotonic()
        await connection.rollback()
    return lifted
