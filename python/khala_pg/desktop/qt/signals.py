"""SIGINT and SIGTERM as an event of Qt, without a timer that looks for them."""

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier


class Signals(QObject):
    """Calls `end` at SIGINT, SIGTERM and SIGHUP until `release`."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__()
        self._end = end
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._come)
        self._before_descriptor = signal.set_wakeup_fd(self._writer.fileno())
        # The interpreter writes to the socket as it runs a handler; this one has nothing to do.
        self._before = {each: signal.signal(each, _nothing) for each in self._NUMBERS}

    def release(self) -> None:
        """The handlers of before."""
        self._notifier.setEnabled(False)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_descriptor)
        self._reader.close()
        self._writer.close()

    def _come(self) -> None:
        self._reader.recv(64)
        self._end()


def _nothing(number: int, frame: object) -> None:
    """A handler: with the default one, the process would end at once."""
