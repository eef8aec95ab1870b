"""Files that a command reads, standard input among them, and the text in them."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from khala_pg.errors import UsageError


@contextlib.contextmanager
def opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """A file, or standard input for "-", with its size if it has one. Raises UsageError."""
    if file == "-":
        if sys.__stdin__ is None:
            raise UsageError("standard input is closed", "Redirect a file to it, or name the file.")
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    try:
        source = path.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    with source:
        # A pipe or device has no size to show progress against.
        yield source, path.stat().st_size if path.is_file() else None


def decoded(raw: bytes) -> str:
    """The text in these bytes, without a byte order mark. Raises ValueError with the reason."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start + 1})") from error
