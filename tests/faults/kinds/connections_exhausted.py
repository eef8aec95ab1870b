"""Somebody takes every connection the server gives, and everybody else has just lost theirs."""

import time
from typing import Any

import psycopg

from faults.world import PATIENCE_S, World
from support.trials.waiting import until

_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'greedy'
"""
# What is left for ordinary users beside this session, which is the superuser's.
_SLOTS = """
SELECT current_setting('max_connections')::int - sum(setting::int)::int - 1 FROM pg_settings
WHERE name IN ('superuser_reserved_connections', 'reserved_connections')
"""

_Connection = psycopg.AsyncConnection[Any]


async def inject(world: World) -> float:
    taken: list[_Connection] = []
    async with await psycopg.AsyncConnection.connect(
        world.database.dsn, autocommit=True
    ) as connection:
        [(slots,)] = await (await connection.execute(_SLOTS)).fetchall()

        async def has_all() -> bool:
            # Whoever was ended may be back before the slot is taken: then once more. The server
            # shows nobody who is still logging in, so only the number taken tells that all are.
            await connection.execute(_CUT)
            await _take_all(world, taken)
            return len(taken) == int(slots)

        try:
            await _take_all(world, taken)
            await until(has_all, "everybody else is out", PATIENCE_S)
            await world.refused()
            await world.last(0.5, 2.0)
            return time.monotonic()
        finally:
            for greedy in taken:
                await greedy.close()


async def _take_all(world: World, taken: list[_Connection]) -> None:
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
        taken.append(greedy)
