"""No packet arrives any more on one side of the relay or both, and none is acknowledged: what is
sent is sent again, and nobody can connect."""

import time

from faults import network
from faults.world import World

_ALL = 100


async def inject(world: World) -> float:
    front, back = world.front.port, world.back.port
    network.lose(world.rng.choice([[front], [back], [front, back]]), _ALL)
    try:
        # The longer ones outlast the relay's and the subscribers' patience.
        await world.last(0.5, 4.5)
    finally:
        lifted = time.monotonic()
        lost = network.lose_nothing()
    assert lost > 0, "no packet was lost"
    return lifted
