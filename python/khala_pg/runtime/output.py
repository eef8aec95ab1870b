"""Meter of a command's output: counted while it passes."""

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_TAIL_BYTES = 8192
_LAST_LINE_CHARACTERS = 500
# An event is bounded, as many of them are kept: 4,000 characters of output.
_LAST_LINES = 20
_LINE_CHARACTERS = 200
# CSI and OSC sequences, then the two-character ones: how terminals are given colours and titles.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Progress:
    """Output at one moment: newlines, bytes, and the last lines with anything to read in them."""

    lines: int = 0
    bytes: int = 0
    last_lines: tuple[str, ...] = ()

    def payload(self) -> dict[str, int | str | list[str]]:
        return {
            "lines": self.lines,
            "bytes": self.bytes,
            "last_line": self.last_lines[-1] if self.last_lines else "",
            "last_lines": [line[-_LINE_CHARACTERS:] for line in self.last_lines],
        }


def last_lines(tail: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
    """The last lines of output that are not blank, as they show on a terminal.

    tail: streams and what each wrote, in turn. A line that one stream has not ended stands after
    those that others have written meanwhile.
    """
    lines: list[str] = []
    begun: dict[str, bytes] = {}
    for stream, chunk in tail:
        *ended, rest = (begun.pop(stream, b"") + chunk).split(b"\n")
        lines += map(_readable, ended[-_LAST_LINES:])
        begun[stream] = rest
    lines += map(_readable, begun.values())
    return tuple(line for line in lines if line)[-_LAST_LINES:]


def _readable(line: bytes) -> str:
    """The line; of one that was written over, such as a progress bar, what was written last."""
    text = _ESCAPES.sub("", line.decode("utf-8", errors="replace"))
    written = (_CONTROLS.sub(" ", part).strip() for part in reversed(text.split("\r")))
    return next(filter(None, written), "")[-_LAST_LINE_CHARACTERS:]


class OutputMeter:
    """Counts the output of one command; its streams feed it from their own threads.

    `wake` is called once after each `arm`, from the thread that feeds the next byte: waiting for
    new output costs the streams nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines = 0
        self._bytes = 0
        self._tail: deque[tuple[str, bytes]] = deque()
        self._tail_bytes = 0
        self._wake: Callable[[], None] | None = None

    def feed(self, stream: str, chunk: bytes) -> None:
        """Count `chunk`, which `stream` has just written."""
        with self._lock:
            self._lines += chunk.count(b"\n")
            self._bytes += len(chunk)
            self._keep(stream, chunk[-_TAIL_BYTES:])
            wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def arm(self, seen_bytes: int, wake: Callable[[], None]) -> bool:
        """Call `wake` at the next byte; False, and no call, when there are new ones already."""
        with self._lock:
            if self._bytes != seen_bytes:
                return False
            self._wake = wake
            return True

    def progress(self) -> Progress:
        """The output so far."""
        with self._lock:
            lines, size, tail = self._lines, self._bytes, tuple(self._tail)
        return Progress(lines, size, last_lines(tail))

    def _keep(self, stream: str, chunk: bytes) -> None:
        if self._tail and self._tail[-1][0] == stream:
            _, before = self._tail.pop()
            self._tail_bytes -= len(before)
            chunk = (before + chunk)[-_TAIL_BYTES:]
        self._tail.append((stream, chunk))
        self._tail_bytes += len(chunk)
        while self._tail_bytes - len(self._tail[0][1]) >= _TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft()[1])
