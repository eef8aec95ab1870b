"""Waiting for a condition with a deadline, never for time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_S = 0.01


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Returns when the condition holds. Raises AssertionError, naming it, at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(_POLL_S)


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]],
    what: str,
    timeout_s: float = 30.0,
) -> None:
    """The same for a test that runs in an event loop; the condition may be a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        held = condition()
        if not isinstance(held, bool):
            held = await held
        if held:
            return
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(_POLL_S)
