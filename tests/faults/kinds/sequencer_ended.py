"""Whoever sequences a grouped topic loses its database session in the middle of a batch, time and
again, with another relay beside it."""

import time

import psycopg

from faults.world import World

_SECONDS = 3.0
_END = """
SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.state = 'active' AND a.query LIKE '%khala.sequence(%'
    AND a.pid <> pg_backend_pid()
"""


async def inject(world: World) -> float:
    ended = 0
    until = time.monotonic() + _SECONDS
    async with await psycopg.AsyncConnection.connect(
        world.database.dsn, autocommit=True
    ) as connection:
        while time.monotonic() < until or not ended:
            row = await (await connection.execute(_END)).fetchone()
            assert row is not None
            ended += row[0]
            await world.last(0.0, 0.05)
    return time.monotonic()
