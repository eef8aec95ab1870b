"""Half a second of delay: to the subscribers, or to the database, whose answers then take one."""

import time

from faults.world import World


async def inject(world: World) -> float:
    side = world.rng.choice([world.front, world.back])
    side.delay_s = 0.5
    await world.last(1.5, 3.0)
    side.delay_s = 0.0
    return time.monotonic()
