"""Nothing gets through any more on one side of the relay or both, and no connection ends."""

import time

from faults.world import World


async def inject(world: World) -> float:
    sides = world.rng.choice([[world.front], [world.back], [world.front, world.back]])
    for side in sides:
        side.hold()
    # The longer ones outlast the relay's and the subscribers' patience.
    await world.last(0.5, 4.5)
    lifted = time.monotonic()
    for side in sides:
        side.release()
    return lifted
