"""The next version of the schema and of the hot functions arrives, and is taken back again."""

import asyncio
import time

from faults.world import World
from khala_pg.migration.migrate import migrate, revert
from khala_pg.migration.sqitch_files import read_plan
from khala_pg.resources import db_dir
from support.schema.next_version import CHANGE, HOT, next_version


async def inject(world: World) -> float:
    following = await asyncio.to_thread(next_version, world.scratch / "db")
    last = read_plan(db_dir())[-1].name
    for _ in range(world.rng.randint(1, 2)):
        changes = await asyncio.to_thread(migrate, world.database.dsn, directory=following)
        assert changes.changes == (CHANGE,)
        assert len(changes.functions.changed) == len(HOT)
        await world.last(0.2, 0.6)
        await asyncio.to_thread(revert, world.database.dsn, to=last, directory=following)
        assert await asyncio.to_thread(_load_this_version, world)
    return time.monotonic()


def _load_this_version(world: World) -> bool:
    return len(migrate(world.database.dsn).functions.changed) == len(HOT)
