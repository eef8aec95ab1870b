"""Waits with a time limit."""

import asyncio


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event, so many seconds at most; whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
