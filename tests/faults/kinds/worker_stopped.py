"""SIGSTOP of one of the relay's workers: its sockets say nothing, those of the others go on."""

import os
import signal
import time

from faults.world import World, children


async def inject(world: World) -> float:
    worker = world.rng.choice(children(world.relay.process.pid))
    os.kill(worker, signal.SIGSTOP)
    try:
        # The longer ones outlast the subscribers' patience.
        await world.last(0.5, 4.0)
    finally:
        lifted = time.monotonic()
        os.kill(worker, signal.SIGCONT)
    return lifted
