"""30 % of what is sent on both sides of the relay comes late, as if lost and sent again.

What `packet_loss` does in earnest, for machines on which that is not possible.
"""

import time

from faults.world import World


async def inject(world: World) -> float:
    for side in (world.front, world.back):
        side.loss = 0.3
    await world.last(1.5, 3.0)
    for side in (world.front, world.back):
        side.loss = 0.0
    return time.monotonic()
