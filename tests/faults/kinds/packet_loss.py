"""30 % of the packets on both sides of the relay are lost by the kernel, which sends them again."""

import time

from faults import network
from faults.world import World

_PERCENT = 30


async def inject(world: World) -> float:
    network.lose([world.front.port, world.back.port], _PERCENT)
    try:
        await world.last(1.5, 4.0)
    finally:
        lifted = time.monotonic()
        lost = network.lose_nothing()
    assert lost > 0, "no packet was lost"
    return lifted
