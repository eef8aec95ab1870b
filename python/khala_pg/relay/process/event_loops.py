"""Event loops of a relay: asyncio's or uvloop."""

import asyncio
import importlib
from collections.abc import Callable

from khala_pg.errors import UsageError

LOOPS = ("auto", "asyncio", "uvloop")
"""The names of loops; auto: uvloop where it is installed."""


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The factory of the loop of that name; None: Python's own.

    Raises UsageError when there is no such loop, or it is not installed.
    """
    if name not in LOOPS:
        raise UsageError(f"no event loop {name!r}", f"Choose {', '.join(LOOPS)}.")
    if name == "asyncio":
        return None
    try:
        module = importlib.import_module("uvloop")
    except ImportError:
        if name == "uvloop":
            hint = "Install it with: pip install 'khala-pg[fast]'."
            raise UsageError("uvloop is not installed", hint) from None
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = module.new_event_loop
    return factory
