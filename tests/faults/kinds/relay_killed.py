"""SIGKILL of the relay, once or again while everybody reconnects."""

import asyncio
import time

from faults.world import World


async def inject(world: World) -> float:
    lifted = time.monotonic()
    for _ in range(world.rng.randint(1, 2)):
        await asyncio.to_thread(world.relay.kill)
        await world.last(0, 0.5)
        lifted = time.monotonic()
        await asyncio.to_thread(world.relay.start)
    return lifted
