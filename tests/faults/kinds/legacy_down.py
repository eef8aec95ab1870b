"""The legacy backend is down, once or again; what it was doing is cut off."""

import time

from faults.world import World


async def inject(world: World) -> float:
    lifted = time.monotonic()
    for _ in range(world.rng.randint(1, 2)):
        await world.legacy.place.down()
        await world.last(0.5, 3.0)
        lifted = time.monotonic()
        await world.legacy.place.up()
        await world.last(0.0, 1.0)
    return lifted
