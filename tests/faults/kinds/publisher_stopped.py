"""SIGSTOP of the publisher for a while: it comes back with results of long ago."""

import signal
import time

from faults.world import World


async def inject(world: World) -> float:
    process = world.legacy.publisher.process
    process.send_signal(signal.SIGSTOP)
    await world.last(1.0, 4.0)
    process.send_signal(signal.SIGCONT)
    return time.monotonic()
