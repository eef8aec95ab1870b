"""The relay's clock jumps, to and fro, by seconds or by hours; tokens look expired or unborn."""

import time

from faults.world import World

_JUMPS_S = (-86_400, -3_600, -30, -2, 2, 30, 3_600, 86_400)


async def inject(world: World) -> float:
    assert world.clock is not None
    for _ in range(world.rng.randint(1, 3)):
        world.clock.write_text(f"{world.rng.choice(_JUMPS_S):+d}s\n")
        await world.last(0.3, 1.5)
    lifted = time.monotonic()
    world.clock.write_text("+0s\n")
    return lifted
