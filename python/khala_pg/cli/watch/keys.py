"""Keys that end a live view: `q`, as in other programs that show something until one leaves."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator

from khala_pg.runtime.terminal import in_foreground

_LEAVE = frozenset(b"qQ")
_MOST = 1024


@contextlib.contextmanager
def keyboard() -> Iterator[int | None]:
    """The descriptor of the terminal's keyboard, whose keys come at once and unshown; None when
    there is none, or another program has it. Its settings come back at the end."""
    descriptor = _standard_input()
    if descriptor is None or not (os.isatty(descriptor) and in_foreground(descriptor)):
        yield None
        return
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def pauses() -> Iterator[Callable[[float], bool]]:
    """A function that waits some seconds and returns True at once when `q` is pressed."""
    with keyboard() as descriptor:

        def wait(seconds: float) -> bool:
            if descriptor is None:
                time.sleep(seconds)
                return False
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                if select.select([descriptor], [], [], left)[0] and leaves(descriptor):
                    return True
            return False

        yield wait


def leaves(descriptor: int) -> bool:
    """Whether one of the keys that are there to read ends the view, or no more will come."""
    keys = os.read(descriptor, _MOST)
    return not keys or not _LEAVE.isdisjoint(keys)


def _standard_input() -> int | None:
    return None if sys.__stdin__ is None or sys.__stdin__.closed else sys.__stdin__.fileno()
