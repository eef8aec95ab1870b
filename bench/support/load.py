"""Load by pgbench: scripts, runs, and the payload that every bench of the database writes."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from khala_pg.postgres.server import PostgresServer

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_COUNT = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)

_PATIENCE_S = 20
_TRIES = 3

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


@dataclass(frozen=True)
class Load:
    """What a run of a script showed."""

    transactions: int
    per_second: float
    # Processor time of the backends, user and kernel: it changes little on a busy machine.
    cpu_us: float


def run_pgbench(
    server: PostgresServer,
    script: Path,
    clients: int,
    seconds: int,
    variables: Mapping[str, str],
    database: str = "postgres",
    rate: float | None = None,
) -> Load:
    """One run of a script with prepared statements over the Unix socket.

    The script finds `version`, above that of every earlier run, and what `variables` names.
    rate: transactions a second, of all clients, if not as many as they can.

    Raises ValueError when a transaction fails, or none ends however often it is tried.
    """
    # A disk that stands still for a second on a busy machine is no reason to give up.
    for _ in range(_TRIES):
        load = _run_once(server, script, clients, seconds, variables, database, rate)
        if load is not None:
            return load
    raise ValueError(f"no transaction ended within {seconds} s, {_TRIES} times")


def _run_once(
    server: PostgresServer,
    script: Path,
    clients: int,
    seconds: int,
    variables: Mapping[str, str],
    database: str,
    rate: float | None,
) -> Load | None:
    """None: no transaction ended. Raises ValueError when one fails."""
    given = {"version": str(time.time_ns() // 1000), **variables}
    before = _ended_backends_cpu_s(server)
    done = subprocess.run(
        [
            *(server.installation.program("pgbench"), "--no-vacuum", "--protocol=prepared"),
            *(f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}"),
            *([] if rate is None else [f"--rate={rate}"]),
            *(f"--define={name}={value}" for name, value in given.items()),
            *(f"--file={script}", server.socket_dsn(database)),
        ],
        capture_output=True,
        text=True,
    )
    count, failed = _COUNT.search(done.stdout), _FAILED.search(done.stdout)
    if done.returncode or count is None or (failed and failed[1] != "0"):
        raise ValueError(f"pgbench did not finish: {done.stdout}{done.stderr}")
    speed, transactions = _TPS.search(done.stdout), int(count[1])
    if speed is None or not transactions:
        return None
    cpu_s = _ended_backends_cpu_s(server) - before
    return Load(transactions, float(speed[1]), cpu_s / transactions * 1e6)


def _ended_backends_cpu_s(server: PostgresServer) -> float:
    """Processor time of the server's processes that have ended, once those of the socket have.

    A run's backends end with it, and what they took is the postmaster's to know from then on.
    """
    process = Path(f"/proc/{server.pid}")
    deadline = time.monotonic() + _PATIENCE_S
    while any(map(_is_ending, (process / f"task/{server.pid}/children").read_text().split())):
        if time.monotonic() > deadline:
            raise RuntimeError("backends of pgbench are still there after it has ended")
        time.sleep(0.005)  # between looks
    # After the name, which may hold anything: utime is the 12th field, cutime the 14th.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _is_ending(pid: str) -> bool:
    """Whether a process is a backend of the socket's, or one that has ended and still counts."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not title or "[local]" in title
