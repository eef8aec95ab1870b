"""A terminal with a command in its foreground: what a user sees of it, and types."""

import fcntl
import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Screen:
    """What a user sees and types, with the command in the foreground of the terminal."""

    ours: int
    theirs: int
    process: subprocess.Popen[bytes]
    seen: bytes = b""

    def read_until(self, text: bytes, seconds: float = 20) -> bytes:
        """All that was shown since the last `forget`, once the text is in it."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self.seen!r}"
            if select.select([self.ours], [], [], left)[0]:
                self.seen += os.read(self.ours, 65536)
        return self.seen

    def forget(self) -> None:
        """From here on only what comes counts."""
        while select.select([self.ours], [], [], 0)[0]:
            os.read(self.ours, 65536)
        self.seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)


@contextmanager
def terminal(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> Iterator[Screen]:
    """A terminal of 101 by 33 with the command running on it; killed at the end."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (33, 101))

    def control() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command,
        env=environment,
        stdin=theirs if stdin is None else stdin,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        start_new_session=True,
        pass_fds=[theirs],
        preexec_fn=control,
    )
    try:
        yield Screen(ours, theirs, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
