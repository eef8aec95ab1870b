"""SIGKILL of the publisher, once or again, with deliveries under way; another one takes over."""

import asyncio
import time

from faults.world import World


async def inject(world: World) -> float:
    world.legacy.backend.latency_s = 0.05
    lifted = time.monotonic()
    for _ in range(world.rng.randint(1, 3)):
        await asyncio.to_thread(world.legacy.publisher.kill)
        await world.last(0.0, 1.0)
        lifted = time.monotonic()
        world.legacy.publisher.start()
        await world.last(0.5, 2.0)
    world.legacy.backend.latency_s = 0.0
    return lifted
