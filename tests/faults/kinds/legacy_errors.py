"""The legacy backend fails a share of its calls, before their effect or after it."""

import time

from faults.world import World
from support.legacy.backend import Call, Fault, FunctionError, TransportError


async def inject(world: World) -> float:
    backend = world.legacy.backend

    def unlucky(call: Call) -> bool:
        return call.kind == "mutation" and world.rng.random() < 0.2

    overloaded = TransportError(503, "Overloaded", "come back later")
    conflict = FunctionError("OptimisticConcurrencyControlFailure")
    backend.faults += [
        Fault(overloaded, unlucky, None),
        Fault(overloaded, unlucky, None, after=True),
        Fault(conflict, unlucky, None),
    ]
    await world.last(1.0, 3.0)
    backend.faults.clear()
    return time.monotonic()
