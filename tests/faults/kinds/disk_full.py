"""Not a byte is left on the server's volume; if the server ends over it, it is started again."""

import errno
import shutil
import time
from pathlib import Path

from faults.world import World

_PIECE = 64 * 1024


async def inject(world: World) -> float:
    filler = world.scratch / "filler"
    try:
        _fill(filler)
        await world.refused()
        await world.last(0.2, 1.5)
    finally:
        lifted = time.monotonic()
        filler.unlink()
    if world.server.pid is None:
        await world.start_server()
    return lifted


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        while free := shutil.disk_usage(filler).free:
            try:
                file.write(b"\0" * min(free, _PIECE))
            except OSError as full:
                # The server takes some as well.
                if full.errno != errno.ENOSPC:
                    raise
