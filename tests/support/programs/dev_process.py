"""`khala dev` as a process."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from khala_pg.child_process import die_with_parent

PATIENCE_S = 60.0


@dataclass
class Dev:
    """A running `khala dev` and its ready line."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    data_dir: Path

    def child(self, word: str) -> int:
        """The process id of the child that has this word in its command line; 0 if none has."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except FileNotFoundError:
                continue
            if word.encode() in command.replace(b"\0", b" "):
                return int(child)
        return 0

    def is_ready(self) -> bool:
        """Whether the relay answers that it can serve."""
        try:
            with urllib.request.urlopen(self.ready["http"] + "/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def has_database(self) -> bool:
        """Whether the database answers; a relay is ready across a short outage."""
        try:
            psycopg.connect(self.ready["database"], connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def sink(self, doc_key: str) -> None:
        with psycopg.connect(self.ready["database"], autocommit=True) as connection:
            connection.execute(
                "SELECT khala.sink('runtime.notifications', %s, 1, '{\"a\": 1}', 'dev')",
                (doc_key,),
            )

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(PATIENCE_S)


def khala(*arguments: str | Path) -> list[str]:
    """The command line of `khala` as this checkout has it."""
    return [
        *(sys.executable, "-c", "from khala_pg.cli.main import main; main()"),
        *map(str, arguments),
    ]


@contextmanager
def running(data_dir: Path, *arguments: str, program: Sequence[str | Path] = ()) -> Iterator[Dev]:
    """A `khala dev` until the block ends; by another installation's `program` if given.

    Ctrl-C is for this process, which then ends it in order; so does the kernel, should this process
    be killed. To be called by the main thread.
    """
    if not arguments:
        arguments = ("--ws-port=0", "--http-port=0")
    with subprocess.Popen(
        [*(program or khala()), "dev", "--json", "--data-dir", data_dir, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield Dev(process, json.loads(line), data_dir)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
