"""Copies bytes between file descriptors, unchanged, in threads that can be stopped."""

import errno
import os
import select
import threading
import time
from collections.abc import Callable

_CHUNK = 65536
# A terminal hands bytes on through a kernel queue; so long after the last one nothing is in it.
_QUIET_SECONDS = 0.1
# A process left behind may go on writing; what the command itself wrote is long through by then.
_DRAIN_SECONDS = 1.0


def write_all(target: int, data: bytes) -> None:
    """Write all of `data`, also to a non-blocking descriptor."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:
            select.select([], [target], [])


class Copy:
    """Copies `source` to `target` until the end, an error, or `stop`.

    `feed` sees every chunk before it is written. `failure` is why writing ended, if it did; the
    source is then closed, so that its writer learns of it as it would have without us.
    """

    def __init__(
        self, name: str, source: int, target: int, feed: Callable[[bytes], None] | None = None
    ) -> None:
        self.failure: OSError | None = None
        self._source = source
        self._target = target
        self._feed = feed
        self._stop_read, self._stop_write = os.pipe()
        # Guards the descriptors: the number of a closed one may belong to something else already.
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"khala-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Copy what is there already, then end."""
        with self._lock:
            if not self._ended.is_set():
                os.write(self._stop_write, b".")

    def abandon(self) -> None:
        """End without waiting for a reader that takes nothing; `wait` returns at once."""
        self.stop()
        self._released.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when it has ended or was abandoned, at the latest after `seconds`."""
        self._released.wait(seconds)

    def with_source(self, use: Callable[[int], None]) -> None:
        """Call `use` with the source's descriptor, unless it is closed already."""
        with self._lock:
            if not self._ended.is_set():
                use(self._source)

    def _run(self) -> None:
        try:
            self._copy()
        finally:
            with self._lock:
                self._ended.set()
                for descriptor in (self._source, self._stop_read, self._stop_write):
                    os.close(descriptor)
            self._released.set()

    def _copy(self) -> None:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        deadline: float | None = None
        while True:
            quiet = None if deadline is None else _QUIET_SECONDS * 1000
            ready = dict(poll.poll(quiet))
            if self._stop_read in ready:
                deadline = time.monotonic() + _DRAIN_SECONDS
                poll.unregister(self._stop_read)
            elif not ready or (deadline is not None and time.monotonic() > deadline):
                return
            if self._source not in ready:
                continue
            chunk = self._read()
            if not chunk:
                return
            if self._feed is not None:
                self._feed(chunk)
            try:
                write_all(self._target, chunk)
            except OSError as error:
                self.failure = error
                return

    def _read(self) -> bytes:
        try:
            return os.read(self._source, _CHUNK)
        except OSError as error:
            # So a terminal says that nobody has its other end open any more.
            if error.errno == errno.EIO:
                return b""
            raise
