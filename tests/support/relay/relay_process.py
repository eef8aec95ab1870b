"""`khala relay` as an operator runs it: a process on fixed ports, killed and started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.keys import Keyring
from khala_pg.client import Endpoint
from khala_pg.postgres import free_ports
from support.trials.waiting import wait_until

KHALA = [sys.executable, "-c", "from khala_pg.cli.main import main; main()"]
TOPICS = ("runtime.run_summaries", "runtime.codex_worker_summaries", "runtime.notifications")
QUICK: Mapping[str, float] = {
    "heartbeat_interval_s": 0.5,
    "slow_poll_interval_s": 1.0,
    "max_backoff_s": 0.5,
    "max_retry_after_ms": 200,
    "database_timeout_s": 2.0,
}
"""Intervals that keep a test short."""
_PATIENCE_S = 60.0


class RelayProcess:
    """One relay's addresses and, while it runs, its process."""

    def __init__(
        self,
        dsn: str,
        directory: Path,
        limits: Mapping[str, float],
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """
        environment: variables that the process has besides this one's own.
        arguments: further ones of `khala relay`.
        """
        self.keyring: Keyring = keys.generate()
        self.log_file = directory / "relay.log"
        self._ws_port = free_ports.free_port()
        self._http_port = free_ports.free_port()
        self.keyring_file = directory / "keyring.json"
        keyring_file.save(self.keyring, self.keyring_file)
        self._arguments = [f"--limit={name}={value}" for name, value in limits.items()]
        self._arguments += arguments
        self._hello: dict[str, Any] = {}
        self._environment = {**os.environ, **(environment or {}), "KHALA_DATABASE_URL": dsn}
        self._process: subprocess.Popen[str] | None = None

    @property
    def ws_port(self) -> int:
        return self._ws_port

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self._ws_port}/socket/websocket"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self._http_port}"

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "the relay was not started"
        return self._process

    def start(self) -> None:
        """Returns when its ports answer; `is_ready` says whether it serves."""
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *KHALA,
                    "relay",
                    "--json",
                    f"--ws-port={self._ws_port}",
                    f"--http-port={self._http_port}",
                    f"--keyring={self.keyring_file}",
                    *self._arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        self._hello = {}
        wait_until(self._has_begun, "the ports answer", _PATIENCE_S)

    @property
    def hello(self) -> dict[str, Any]:
        """The line that it prints when clients can join."""
        if not self._hello:
            assert self.process.stdout is not None
            self._hello = json.loads(self.process.stdout.readline())
            assert self._hello["ws"] == self.ws
        return self._hello

    def _has_begun(self) -> bool:
        status = self.process.poll()
        assert status is None, f"the relay did not start:\n{self.log_file.read_text()}"
        try:
            return httpx.get(f"{self.http}/healthz", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def is_ready(self) -> bool:
        """Whether it says that it can serve: it has the database and hears it."""
        try:
            return httpx.get(f"{self.http}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM, and the exit status it ends with."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self.process
        process.send_signal(number)
        status = process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        return status

    def rss_bytes(self) -> int:
        """The memory it has resident now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def last_words(self) -> str:
        """The end of its log, without the comings and goings of sockets."""
        log = self.log_file.read_text().splitlines()
        return "the relay said:\n" + "\n".join(
            [line for line in log if " socket " not in line][-60:]
        )

    def token(self, org: str, scopes: Sequence[str] = TOPICS) -> str:
        return keys.sign_token(self.keyring, org_id=org, scopes=scopes)

    def url(self, org: str) -> str:
        return f"{self.ws}?vsn=2.0.0&token={self.token(org)}"

    def endpoint(self, org: str) -> Endpoint:
        return Endpoint(self.ws, self.token(org))


@contextmanager
def relay_process(
    dsn: str,
    directory: Path,
    limits: Mapping[str, float] = QUICK,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[RelayProcess]:
    """A relay that is ready, killed at the end if it still runs; then its log is printed."""
    relay = RelayProcess(dsn, directory, limits, environment, arguments)
    try:
        relay.start()
        wait_until(relay.is_ready, "the relay is ready", _PATIENCE_S)
        yield relay
    finally:
        if relay.process.poll() is None:
            relay.kill()
        print(relay.last_words())


def open_files(process: "subprocess.Popen[Any]") -> int:
    """How many file descriptors a process holds."""
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
