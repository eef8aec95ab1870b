"""Passes signals on to the command, as if they had been sent to it."""

import os
import signal
import sys
import threading
from collections.abc import Callable

_FORWARDED = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    }
)
ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
"""Signals by which somebody asks a command to end."""
# Ignored by default; here it is the mark behind all that came before: of pending signals the lowest
# number comes first, and this one is above all in ENDING.
_MARK = signal.SIGURG


def block() -> tuple[set[signal.Signals], set[int | signal.Signals]]:
    """Block what `Forwarder` waits for, before any thread or child is there.

    Returns the blocked signals and the mask that the child must get back. A signal that is ignored
    (`nohup`) stays so.
    """
    wanted = {number for number in _FORWARDED if signal.getsignal(number) != signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, wanted | {_MARK})
    return wanted, set(before)


class Forwarder:
    """Gives each of `wanted` to `handle(signal, from_kernel)` in a thread.

    The kernel sends a signal for a key such as Ctrl-C, to every process in front of the terminal.
    """

    def __init__(
        self, wanted: set[signal.Signals], handle: Callable[[signal.Signals, bool], None]
    ) -> None:
        self._wanted = wanted
        self._handle = handle
        self._is_stopping = False
        self._marked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="khala-signals", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; signals stay blocked until the process ends."""
        self._is_stopping = True
        self.settle()
        self._thread.join()

    def settle(self) -> None:
        """Return when each ending signal that came before this call has been handled."""
        self._marked.clear()
        os.kill(os.getpid(), _MARK)
        if self._thread.is_alive():
            self._marked.wait()

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                number, from_kernel = _receive(self._wanted | {_MARK})
                if number == _MARK:
                    self._marked.set()
                else:
                    self._handle(number, from_kernel)
        finally:
            self._marked.set()


def _receive(wanted: set[signal.Signals]) -> tuple[signal.Signals, bool]:
    if sys.platform == "darwin":
        return signal.Signals(signal.sigwait(wanted)), False
    info = signal.sigwaitinfo(wanted)
    return signal.Signals(info.si_signo), info.si_code > 0
