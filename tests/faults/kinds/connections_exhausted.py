"""Somebody takes every connection the server gives, and everybody else has just lost theirs."""

import time
from contextlib import AsyncExitStack

import psycopg

from faults.world import PATIENCE_S, World
from support.waiting import until

_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'greedy'
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'greedy'
    AND backend_type = 'client backend'
"""


async def inject(world: World) -> float:
    async with (
        AsyncExitStack() as taken,
        await psycopg.AsyncConnection.connect(world.database.dsn, autocommit=True) as connection,
    ):

        async def is_alone() -> bool:
            # Whoever was ended may be back before the slot is taken: then once more.
            await connection.execute(_CUT)
            await _take_all(world, taken)
            return await (await connection.execute(_OTHERS)).fetchone() == (0,)

        await _take_all(world, taken)
        await until(is_alone, "everybody else is out", PATIENCE_S)
        await world.refused()
        await world.last(0.5, 2.0)
        return time.monotonic()


async def _take_all(world: World, taken: AsyncExitStack) -> None:
    while True:
        try:
            greedy = await psycopg.AsyncConnection.connect(
                world.database.runtime_dsn, application_name="greedy"
            )
        except psycopg.OperationalError as refused:
            # A refusal at connecting has no SQLSTATE; nothing else may stop this.
            if "connection slots" in str(refused) or "too many clients" in str(refused):
                return
            raise
        await taken.enter_async_context(greedy)
