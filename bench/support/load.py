"""Load by pgbench: scripts, runs, and the payload that every bench of the database writes."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from khala_pg.postgres.server import PostgresServer

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)

# A run's summary as the projection makes it.
RUN_SUMMARY: Mapping[str, Any] = {
    "document_id": "runtime/run_summary:run-0193f3c2",
    "kind": "run_summary",
    "run_id": "run-0193f3c2",
    "owner": "org-a",
    "status": "running",
    "terminal_reason": None,
    "title": "Build and test everything",
    "command": ["python3", "-m", "pytest", "tests"],
    "progress": {"done": 17, "of": 812},
    "exit_code": None,
    "started_at": "2026-11-23T10:15:30.123456Z",
    "latest_seq": 182,
    "event_count": 182,
    "latest_event_type": "run.progress",
    "latest_event_at": "2026-11-23T10:15:30.123456Z",
    "runtime_source": {"entity": "run", "id": "run-0193f3c2", "seq": 182},
    "projection_version": 1,
}
# 530 bytes.
PAYLOAD = json.dumps(RUN_SUMMARY, separators=(",", ":"))


def array(values: Sequence[str]) -> str:
    """The values as the text of a Postgres array, with quotes escaped as JSON strings need it."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


@contextmanager
def scripts(texts: Mapping[str, str]) -> Iterator[Mapping[str, Path]]:
    """The texts as files that pgbench reads, under the same names; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        files = {}
        for number, (name, text) in enumerate(texts.items()):
            files[name] = Path(directory) / f"{number}.sql"
            files[name].write_text(text, encoding="utf-8")
        yield files


def transactions_per_second(
    server: PostgresServer,
    script: Path,
    clients: int,
    seconds: int,
    **variables: str,
) -> float:
    """One run of a script with prepared statements over the Unix socket.

    The script finds `version`, above that of every earlier run, and what `variables` names.

    Raises ValueError when a transaction fails, or none ends in that time.
    """
    given = {"version": str(time.time_ns() // 1000), **variables}
    done = subprocess.run(
        [
            *(server.installation.program("pgbench"), "--no-vacuum", "--protocol=prepared"),
            *(f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}"),
            *(f"--define={name}={value}" for name, value in given.items()),
            *(f"--file={script}", server.socket_dsn()),
        ],
        capture_output=True,
        text=True,
    )
    speed, failed = _TPS.search(done.stdout), _FAILED.search(done.stdout)
    if done.returncode or speed is None or (failed is not None and failed[1] != "0"):
        raise ValueError(f"pgbench did not finish: {done.stdout}{done.stderr}")
    return float(speed[1])
