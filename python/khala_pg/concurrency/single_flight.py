"""Single flight: one call for all that want the same while it runs."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Flight(Generic[Result]):
    task: asyncio.Task[Result]
    waiters: int = 0


class SingleFlight(Generic[Key, Result]):
    """Calls under way, by key.

    A call runs in a task of its own, so that no waiter takes it from the others; it is cancelled
    when the last one has left.
    """

    def __init__(self) -> None:
        self._flights: dict[Key, _Flight[Result]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._flights

    def release(self, key: Key) -> asyncio.Task[Result]:
        """The call of that key, which nobody joins from now on."""
        return self._flights.pop(key).task

    async def run(self, key: Key, call: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the call under way, or else of this one. Raises what it raises."""
        while (flight := self._flights.get(key)) is not None and not flight.waiters:
            # It was cancelled, which takes a database a moment.
            await asyncio.wait([flight.task])
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(call()))
            flight.task.add_done_callback(lambda task: self._end(key, task))
        flight.waiters += 1
        try:
            await asyncio.wait([flight.task])
        finally:
            flight.waiters -= 1
            if not flight.waiters:
                flight.task.cancel()
        return flight.task.result()

    def _end(self, key: Key, task: asyncio.Task[Result]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if not task.cancelled():
            # Raised for each waiter; asyncio would log it when none is left.
            task.exception()
