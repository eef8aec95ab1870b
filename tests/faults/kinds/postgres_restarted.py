"""An immediate restart of the server: every session is cut, recovery runs."""

from faults.world import World


async def inject(world: World) -> float:
    return await world.start_server()
