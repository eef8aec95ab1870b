"""Waits with a time limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_T = TypeVar("_T")


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event, so many seconds at most; whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


async def within(
    work: Awaitable[_T], seconds: float, late: Callable[[str], Exception], what: str
) -> _T:
    """The result of work that somebody else supplies. Raises `late` when it takes too long."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise late(f"{what}: no response in {seconds:g} s") from error
