"""SIGKILL of one of the relay's workers, once or a few times; the others serve on."""

import os
import signal
import time

from faults.world import PATIENCE_S, World, children
from support.trials.waiting import until


async def inject(world: World) -> float:
    relay = world.relay.process.pid
    lifted = time.monotonic()
    for _ in range(world.rng.randint(1, 3)):
        # Those that were killed before are replaced by and by.
        await until(lambda: len(children(relay)) > 0, "a worker runs", PATIENCE_S)
        lifted = time.monotonic()
        os.kill(world.rng.choice(children(relay)), signal.SIGKILL)
        await world.last(0.1, 1.0)
    return lifted
