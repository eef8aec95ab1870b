"""Processes of a benchmark, which take lines of JSON, and their memory and processor time.

Clients and the server that is measured are processes of their own, so that the processor time and
the memory of one are not those of the other.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_OTHER_FILES = 100
_KHALA = [sys.executable, "-c", "from khala_pg.cli.main import main; main()"]


class Child:
    """A process that answers each line with a line."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Returns when its first line has come; `hello` is its content."""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **(environment or {})},
            # Clients open more files than a shell usually allows.
            preexec_fn=raise_file_limit,
        )
        self.pid = self._process.pid
        self.hello = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def tell(self, **request: Any) -> None:
        """Sends a line; `hear` reads the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The answer to a line that was sent."""
        return self._read()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a line and reads the answer."""
        self.tell(**request)
        return self.hear()

    def cpu_s(self) -> float:
        """Processor time of all its threads so far, in seconds."""
        return cpu_s(self.pid)

    def memory_bytes(self) -> int:
        """Memory that is its own: what it shares with other processes is not in it."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        kilobytes = [int(line.split()[1]) for line in rollup if line.startswith("Private_")]
        return sum(kilobytes) * 1024

    def keep_to(self, cores: Set[int]) -> None:
        """Has all its threads run on these cores only."""
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"{self._process.args!r} ended:\n{self._log.read()[-4000:]}")
        found: dict[str, Any] = json.loads(line)
        return found


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process so far, in seconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of bench/."""
    return [sys.executable, "-m", name, *arguments]


def khala(*arguments: str) -> list[str]:
    """The command that runs `khala`."""
    return [*_KHALA, *arguments]


def raise_file_limit() -> None:
    """As many open files as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def require(files: int, ports: int) -> None:
    """Ends the program, saying what it needs, where that is more than this machine allows.

    files: how many one process opens. ports: how many clients connect from one address.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # What a process has open beside sockets is few.
    if most != resource.RLIM_INFINITY and most < files + _OTHER_FILES:
        sys.exit(f"one process opens {files:,} sockets: ulimit -Hn is {most}, raise it")
    low, high = map(int, _PORTS.read_text().split())
    if high - low + 1 < ports:
        sys.exit(
            f"{ports:,} clients connect from one address: {_PORTS} is {low} to {high}, widen it"
        )


def crowd() -> Child:
    """A process of clients: see crowd.py."""
    return Child(module("bench.support.crowd"))


def peer(kind: str, *arguments: str) -> Child:
    """A server to compare with: see bench/compare/bare_servers.py."""
    return Child(module("bench.compare.bare_servers", kind, *arguments))


@contextmanager
def bare_pages(pages: Sequence[str], responses: Mapping[str, str] | None = None) -> Iterator[Child]:
    """A bare server that sends these messages to a client of websockets that sends `resume`.

    responses: what it answers to GET requests, by target.
    """
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        files = {"pages": pages, "responses": responses or {}}
        for name, content in files.items():
            Path(directory, name).write_text(json.dumps(content), encoding="utf-8")
        with peer("websockets", *(f"--{name}={directory}/{name}" for name in files)) as server:
            yield server


def bare_listener(dsn: str, channel: str, size: int) -> Child:
    """A server that sends notifications on: see bench/compare/bare_listener.py."""
    return Child(module("bench.compare.bare_listener", dsn, channel, str(size)))


def subscribers(peer: str, url: str, topic: str) -> Child:
    """A process of subscribers to `khala`, `bare` or `nats`: see subscribers.py."""
    return Child(module("bench.support.subscribers", peer, url, topic))


@contextmanager
def relay(dsn: str, keyring: Path, limits: Mapping[str, float], *more: str) -> Iterator[Child]:
    """`khala relay` as an operator starts it; `hello` has its addresses."""
    command = [
        *khala("relay"),
        "--json",
        "--ws-port=0",
        "--http-port=-1",
        "--metrics-port=0",
        "--log-level=warning",
        f"--keyring={keyring}",
        *(f"--limit={name}={value}" for name, value in limits.items()),
        *more,
    ]
    with Child(command, {"KHALA_DATABASE_URL": dsn}) as child:
        yield child
