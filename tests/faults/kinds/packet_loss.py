"""30 % of the packets on both sides of the relay are lost by the kernel, which sends them again."""

from faults import network
from faults.world import World

_PERCENT = 30


async def inject(world: World) -> float:
    ports = [world.front.port, world.back.port]
    return await network.lose_during(world.last(1.5, 4.0), ports, _PERCENT)
