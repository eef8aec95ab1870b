"""Nothing breaks: what the purges, the new topic and the resets cost by themselves."""

import time

from faults.world import World


async def inject(world: World) -> float:
    await world.last(0.5, 1.5)
    return time.monotonic()
