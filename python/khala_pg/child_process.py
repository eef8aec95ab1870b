"""Child processes: ended with their parent, stopped in time, started again when they end."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from khala_pg.concurrency.backoff import Backoff

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec only calls into what is loaded are safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# A child that ran this long starts again without the delay that earlier failures built up.
_HEALTHY_S = 30.0
_LONGEST_DELAY_S = 15.0


def die_with_parent(sig: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has the kernel send `sig` to the child when its parent thread ends.

    Linux only: None elsewhere, where a child of a parent that is killed lives on. The child must
    be started from a thread that lives as long as the parent, in practice the main thread.
    """
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(sig))
        if os.getppid() != parent:  # it went away before the line above
            os._exit(1)

    return arm


def stop(process: subprocess.Popen[bytes], number: signal.Signals, within_s: float) -> None:
    """Sends a signal and waits for the end; kills a process that takes longer than that."""
    if process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def how_it_ended(status: int | None) -> str:
    """The exit status of a child, in words."""
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


class Restart:
    """The time at which a child has to be started: later each time, if it keeps ending soon."""

    def __init__(self) -> None:
        self.due_at: float | None = None
        """By time.monotonic; None while the child runs."""
        self._backoff = Backoff(0.25, _LONGEST_DELAY_S)
        self._started_at = time.monotonic()

    def started(self) -> None:
        self._started_at = time.monotonic()
        self.due_at = None

    def ended(self) -> float:
        """Notes an end; returns the seconds until the next start."""
        now = time.monotonic()
        if now - self._started_at > _HEALTHY_S:
            self._backoff.reset()
        delay_s = self._backoff.next_s()
        self.due_at = now + delay_s
        return delay_s


Handler = Callable[[int, FrameType | None], object]


@contextmanager
def woken_by_signals(handlers: Mapping[signal.Signals, Handler]) -> Iterator[socket.socket]:
    """A non-blocking socket with a byte, its number, for each signal that comes; the handlers, and
    what was before them afterwards. For the main thread."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, each) for number, each in handlers.items()}
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(previous_fd)
            for number, each in previous.items():
                signal.signal(number, each)


def ignore(number: int, frame: FrameType | None) -> None:
    """Handles a signal whose byte is all that matters: without a handler there is none."""
