"""Terminals: pairs that stand in for the user's, and the user's own put into raw mode and back."""

import contextlib
import fcntl
import os
import signal
import termios
import tty
from collections.abc import Iterator

_OUTPUT_FLAGS, _LOCAL_FLAGS, _KEYS = 1, 3, 6


def in_foreground(terminal: int) -> bool:
    """Whether this process may change the settings of `terminal` without being stopped for it."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def open_pair(terminal: int, process_output: bool) -> tuple[int, int]:
    """A new terminal (our end, the command's end) that looks like `terminal`.

    With `process_output` False it passes bytes on as they are, because `terminal` still does what
    terminals do to output; with True it stands in for one that is in raw mode.
    """
    ours, theirs = os.openpty()
    attributes = termios.tcgetattr(terminal)
    if not process_output:
        attributes[_OUTPUT_FLAGS] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    copy_size(terminal, theirs)
    return ours, theirs


def copy_size(source: int, target: int) -> None:
    """Give `target` the size of `source`; its foreground processes get SIGWINCH."""
    termios.tcsetwinsize(target, termios.tcgetwinsize(source))


def typed_signal(terminal: int, typed: bytes) -> signal.Signals | None:
    """The signal that `terminal` makes of the last such key, SIGINT of Ctrl-C, say."""
    attributes = termios.tcgetattr(terminal)
    if not attributes[_LOCAL_FLAGS] & termios.ISIG:
        return None
    keys = attributes[_KEYS]
    named = {keys[termios.VINTR]: signal.SIGINT, keys[termios.VQUIT]: signal.SIGQUIT}
    found = [named[key] for key in (bytes([code]) for code in typed) if key in named]
    return found[-1] if found else None


def take_control(terminal: int) -> None:
    """Make `terminal` the controlling terminal of this new session."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def raw_mode(terminal: int) -> Iterator[None]:
    """Every key goes through `terminal` as it is; its settings come back at the end."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
