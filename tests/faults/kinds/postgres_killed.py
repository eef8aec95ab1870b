"""SIGKILL of the postmaster: its sessions notice by and by that it is gone."""

import os
import signal

from faults.world import World


async def inject(world: World) -> float:
    pid = world.server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await world.last(0, 1.0)
    return await world.start_server()
