"""Gates of a cutover: they are read again and again until all are met, or the time is over."""

import asyncio
import time
from collections.abc import Sequence

from drills.course import Course, GateNotMetError, Reading
from drills.prometheus import Prometheus
from drills.runbook import Gate

_HOUR = "[1h]"
_PACE_S = 2.0


async def read_gates(prometheus: Prometheus, gates: Sequence[Gate], window_s: int) -> list[Reading]:
    """Every gate, as it is now. Queries over an hour look at the window of the drill."""
    return [
        Reading(gate.name, found, gate.allowed, gate.is_met(found))
        for gate in gates
        for found in [await prometheus.read(gate.query.replace(_HOUR, f"[{window_s}s]"))]
    ]


async def pass_gates(
    course: Course, prometheus: Prometheus, gates: Sequence[Gate], window_s: int, patience_s: float
) -> None:
    """Returns when all gates are met. Raises GateNotMetError when one is not, for too long."""
    deadline = time.monotonic() + patience_s
    while True:
        readings = await read_gates(prometheus, gates, window_s)
        missed = [reading for reading in readings if not reading.is_met]
        if not missed or time.monotonic() > deadline:
            break
        await asyncio.sleep(_PACE_S)  # the interval of a scrape, and again
    course.steps[-1].gates += readings
    if missed:
        raise GateNotMetError("; ".join(map(str, missed)))
    course.note(f"all {len(readings)} gates are met")
