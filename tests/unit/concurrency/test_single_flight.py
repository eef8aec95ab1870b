"""One call for all that want the same, and nobody takes it from the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from khala_pg.concurrency.single_flight import SingleFlight


class Calls:
    """Calls that wait until they may end; `begun` and `cancelled` count them."""

    def __init__(self) -> None:
        self.flights: SingleFlight[str, int] = SingleFlight()
        self.may_end = asyncio.Event()
        self.begun = 0
        self.cancelled = 0
        self.error: Exception | None = None

    async def call(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            # As a connection does that lets the server know first.
            await asyncio.sleep(0)
            raise
        if self.error is not None:
            raise self.error
        return number

    @asynccontextmanager
    async def waiting(self, *keys: str) -> AsyncIterator[list[asyncio.Task[int]]]:
        """Waiters for the keys, whose calls have begun."""
        waiters = [asyncio.create_task(self.flights.run(key, self.call)) for key in keys]
        for _ in range(2):
            await asyncio.sleep(0)
        yield waiters


async def test_equal_keys_share_a_call_and_others_do_not() -> None:
    calls = Calls()
    async with calls.waiting("a", "a", "b", "a") as waiters:
        assert "a" in calls.flights
        calls.may_end.set()
        assert await asyncio.gather(*waiters) == [1, 1, 2, 1]
    assert "a" not in calls.flights
    assert await calls.flights.run("a", calls.call) == 3


@pytest.mark.parametrize("leaving", [0, 1])
async def test_a_waiter_leaves_without_the_others(leaving: int) -> None:
    calls = Calls()
    async with calls.waiting("a", "a") as waiters:
        waiters[leaving].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiters[leaving]
        calls.may_end.set()
        assert await waiters[1 - leaving] == 1
    assert calls.cancelled == 0


async def test_an_exception_reaches_all_and_ends_with_the_call() -> None:
    calls = Calls()
    calls.error = ValueError("no")
    async with calls.waiting("a", "a", "a") as waiters:
        calls.may_end.set()
        found = await asyncio.gather(*waiters, return_exceptions=True)
    assert found == [calls.error] * 3
    calls.error = None
    assert await calls.flights.run("a", calls.call) == 2


async def test_a_call_that_nobody_waits_for_ends_before_the_next_begins() -> None:
    calls = Calls()
    async with calls.waiting("a", "a") as waiters:
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)
        calls.may_end.set()
        assert await calls.flights.run("a", calls.call) == 2
    assert calls.cancelled == 1


async def test_a_released_call_is_joined_by_nobody_and_keeps_its_waiters() -> None:
    calls = Calls()
    async with calls.waiting("a") as early:
        call = calls.flights.release("a")
        assert "a" not in calls.flights
        async with calls.waiting("a") as late:
            calls.may_end.set()
            assert await asyncio.gather(call, *early, *late) == [1, 1, 2]
