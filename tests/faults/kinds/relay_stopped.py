"""SIGSTOP of the relay: its sockets stay open and say nothing; then it goes on where it was."""

import signal
import time

from faults.world import World


async def inject(world: World) -> float:
    process = world.relay.process
    process.send_signal(signal.SIGSTOP)
    try:
        # The longer ones outlast the subscribers' patience.
        await world.last(0.5, 4.0)
    finally:
        lifted = time.monotonic()
        process.send_signal(signal.SIGCONT)
    return lifted
