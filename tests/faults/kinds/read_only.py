"""The server takes no writes, as a standby or a full managed instance does."""

import time

import psycopg

from faults.world import World

_SET = "ALTER SYSTEM SET default_transaction_read_only = on"
_RESET = "ALTER SYSTEM RESET default_transaction_read_only"


async def inject(world: World) -> float:
    async with await psycopg.AsyncConnection.connect(
        world.database.dsn, autocommit=True
    ) as connection:
        try:
            await connection.execute(_SET)
            await connection.execute("SELECT pg_reload_conf()")
            await world.refused()
            await world.last(0.5, 2.0)
        finally:
            lifted = time.monotonic()
            await connection.execute(_RESET)
            await connection.execute("SELECT pg_reload_conf()")
    return lifted
