"""The legacy backend takes longer and longer, then says nothing, for longer than is waited for."""

import time

from faults.world import World


async def inject(world: World) -> float:
    backend = world.legacy.backend
    backend.latency_s = world.rng.uniform(0.2, 1.0)
    await world.last(0.5, 2.0)
    backend.hold()
    await world.last(0.5, 4.0)
    backend.release()
    backend.latency_s = 0.0
    return time.monotonic()
