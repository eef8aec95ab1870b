"""Meter of a command's output: counted while it passes."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

_TAIL_BYTES = 4096
_LAST_LINE_CHARACTERS = 500
# CSI and OSC sequences, then the two-character ones: how terminals are given colours and titles.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Progress:
    """Output at one moment: newlines, bytes, and the last line with anything to read in it."""

    lines: int = 0
    bytes: int = 0
    last_line: str = ""

    def payload(self) -> dict[str, int | str]:
        return {"lines": self.lines, "bytes": self.bytes, "last_line": self.last_line}


def last_line(tail: bytes) -> str:
    """The last line of `tail` that is not blank, as it shows on a terminal."""
    text = _ESCAPES.sub("", tail.decode("utf-8", errors="replace"))
    for line in reversed(re.split(r"[\r\n]+", text)):
        readable = _CONTROLS.sub(" ", line).strip()
        if readable:
            return readable[-_LAST_LINE_CHARACTERS:]
    return ""


class OutputMeter:
    """Counts the output of one command; its streams feed it from their own threads.

    `wake` is called once after each `arm`, from the thread that feeds the next byte: waiting for
    new output costs the streams nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines = 0
        self._bytes = 0
        self._tails: dict[str, bytes] = {}
        self._latest = ""
        self._wake: Callable[[], None] | None = None

    def feed(self, stream: str, chunk: bytes) -> None:
        """Count `chunk`, which `stream` has just written."""
        with self._lock:
            self._lines += chunk.count(b"\n")
            self._bytes += len(chunk)
            self._tails[stream] = (self._tails.get(stream, b"") + chunk[-_TAIL_BYTES:])[
                -_TAIL_BYTES:
            ]
            self._latest = stream
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
            lines, size, tail = self._lines, self._bytes, self._tails.get(self._latest, b"")
        return Progress(lines, size, last_line(tail))
