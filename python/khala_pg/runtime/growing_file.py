"""A file that others append to, read for ever, across its rotation (as `tail -F` does)."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.25


class GrowingFile(io.RawIOBase):
    """Reads as a pipe does: what there is, else it waits. There is no end.

    When the file was renamed or removed, the rest of it is read, and then the one that has its
    name. When it became shorter it is read from its beginning. A last line without a line feed is
    ended where the file ends.
    """

    def __init__(self, path: Path, pause: Callable[[float], None] = time.sleep) -> None:
        """pause: waits that many seconds. Raises OSError when there is no such file."""
        self._path = path
        self._pause = pause
        self._file = path.open("rb", buffering=0)
        self._in_line = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, at least one."""
        while True:
            chunk = self._file.read(size)
            if chunk:
                self._in_line = not chunk.endswith(b"\n")
                return chunk
            if not self._goes_on_elsewhere():
                self._pause(_LOOK_S)
            elif self._in_line:
                self._in_line = False
                return b"\n"

    def close(self) -> None:
        self._file.close()
        super().close()

    def _goes_on_elsewhere(self) -> bool:
        """Whether reading goes on in another file, or at the beginning of this one."""
        ours = os.fstat(self._file.fileno())
        if ours.st_size < self._file.tell():
            self._file.seek(0)
            return True
        try:
            successor = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        theirs = os.fstat(successor.fileno())
        # What was written between the last read and the rename comes first.
        if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino) or (
            self._file.tell() < os.fstat(self._file.fileno()).st_size
        ):
            successor.close()
            return False
        self._file.close()
        self._file = successor
        return True
