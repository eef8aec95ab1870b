"""No packet arrives any more on one side of the relay or both, and none is acknowledged: what is
sent is sent again, and nobody can connect."""

from faults import network
from faults.world import World

_ALL = 100


async def inject(world: World) -> float:
    front, back = world.front.port, world.back.port
    ports = world.rng.choice([[front], [back], [front, back]])
    # The longer ones outlast the relay's and the subscribers' patience.
    return await network.lose_during(world.last(0.5, 4.5), ports, _ALL)
