"""Every connection on one side of the relay, or on both, is reset; a few times."""

import time

from faults.world import World


async def inject(world: World) -> float:
    sides = world.rng.choice([[world.front], [world.back], [world.front, world.back]])
    for _ in range(world.rng.randint(1, 4)):
        for side in sides:
            side.reset()
        await world.last(0.05, 0.5)
    return time.monotonic()
