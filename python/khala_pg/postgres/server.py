"""Runs a real PostgreSQL server as a child process, from a directory of programs.

The server is a foreground child of this process: it stays in this process's group, ends when this
process does, and leaves its cluster behind, which the next start recovers. It listens on
127.0.0.1 and on a Unix socket in its data directory, and asks for a password on both.

A server's home directory holds:

- `cluster`: the data directory, or a link to it when the account that PostgreSQL runs as could
  not reach it here (see cluster),
- `password`: the superuser's password, readable by its owner only,
- `postgres.log`: what the server says.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode

import psycopg

from khala_pg.child_process import die_with_parent, stop
from khala_pg.connections import connect
from khala_pg.postgres import cluster, free_ports
from khala_pg.postgres.installation import PostgresServerError, choose_account, find_installation

StopMode = Literal["fast", "immediate"]

SUPERUSER = cluster.SUPERUSER
_HOST = "127.0.0.1"
_SIGNALS: Mapping[StopMode, signal.Signals] = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_LONGEST_SOCKET_PATH = 107
_TRIES = 5


class PostgresServer:
    """One PostgreSQL server and its cluster; `with PostgresServer(home) as server:` runs it.

    Start it from the main thread: the kernel ends it when the thread that started it ends.
    """

    def __init__(
        self,
        home: Path,
        *,
        pg_bin: str | Path | None = None,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        start_timeout: float = 300.0,
    ) -> None:
        """Prepares a server; nothing is started or written yet.

        home: the directory that holds everything of this server (see the module).
        pg_bin: the directory with initdb and postgres; the embedded wheel's when None.
        port: TCP port on 127.0.0.1; 0 chooses a free one at the first start and keeps it.
        settings: server settings (as in postgresql.conf) that win over the cluster's own.
        start_timeout: seconds that a start may take, crash recovery included.

        Raises PostgresServerError when there is no PostgreSQL that can be run.
        """
        self.home = home.absolute()
        self.settings = dict(settings or {})
        self.account = choose_account(self.home / "cluster")
        self.installation = find_installation(pg_bin, self.account)
        self.log_file = self.home / "postgres.log"
        self._wanted_port = port
        self.port = port
        """The TCP port on 127.0.0.1; 0 before the first start when none was given."""
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._password: str | None = None
        self._cluster: Path | None = None

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return self.installation.major

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it is not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def data_directory(self) -> Path:
        """PostgreSQL's data directory. Raises PostgresServerError before the first start."""
        if self._cluster is None:
            raise PostgresServerError("the server was not started yet")
        return self._cluster

    def dsn(
        self, dbname: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """A connection URI over TCP. `password` is the superuser's when not given."""
        secret = quote(password or self._superuser_password(), safe="")
        name = quote(dbname, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{_HOST}:{self.port}/{name}"

    def socket_dsn(
        self, dbname: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """A connection URI over the Unix socket. `password` is the superuser's when not given."""
        secret = quote(password or self._superuser_password(), safe="")
        place = urlencode({"host": str(self._socket_directory()), "port": str(self.port)})
        return f"postgresql://{quote(user, safe='')}:{secret}@/{quote(dbname, safe='')}?{place}"

    def start(self) -> None:
        """Starts the server, making the cluster first if needed, and returns when it responds.

        A cluster whose server was killed is recovered. Raises PostgresServerError, with the end of
        the log, when the server does not come up.
        """
        if self.pid is not None:
            raise PostgresServerError(f"the server in {self.home} is already running")
        self._cluster = cluster.prepare(self.home, self.installation, self.account)
        self._password = cluster.read_password(self.home)
        cluster.await_previous_server(self._cluster)
        deadline = time.monotonic() + self._start_timeout
        for attempt in range(1, _TRIES + 1):
            if self._wanted_port == 0 and (
                self.port == 0 or (attempt > 1 and not free_ports.is_free(self.port))
            ):
                self.port = free_ports.free_port()
            log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._spawn()
            if self._await_answer(deadline):
                return
            said = self._log_since(log_start)
            # Sessions of a server that was killed take a moment to notice that it is gone.
            retry = "pre-existing shared memory block" in said or (
                "Address already in use" in said and self._wanted_port == 0
            )
            if not retry or attempt == _TRIES:
                break
            time.sleep(0.2 * attempt)  # back-off between attempts
        raise PostgresServerError(_explain(said, self.port), hint=f"full log: {self.log_file}")

    def stop(self, mode: StopMode = "fast", timeout: float = 60.0) -> None:
        """Stops the server; does nothing when it is not running.

        mode: `fast` ends sessions and writes a checkpoint; `immediate` is a crash on purpose.
        timeout: seconds to wait before the server is killed.
        """
        if self._process is not None:
            stop(self._process, _SIGNALS[mode], timeout)
            self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stops and starts the server on the same port."""
        self.stop(mode)
        self.start()

    def poll(self) -> int | None:
        """The exit status of a server that ended by itself, or None."""
        return None if self._process is None else self._process.poll()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _superuser_password(self) -> str:
        if self._password is None:
            self._password = cluster.read_password(self.home)
        return self._password

    def _socket_directory(self) -> Path:
        directory = self.data_directory
        if len(os.fsencode(directory / f".s.PGSQL.{self.port}")) <= _LONGEST_SOCKET_PATH:
            return directory
        return cluster.short_socket_directory(directory, self.account)

    def _spawn(self) -> None:
        settings = {
            "listen_addresses": _HOST,
            "port": str(self.port),
            "unix_socket_directories": _quoted(self._socket_directory()),
            **self.settings,
        }
        command = [self.installation.program("postgres"), "-D", str(self.data_directory)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.log_file, "ab", opener=cluster.private) as log:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self.account.popen_arguments(),  # type: ignore[call-overload]
            )

    def _await_answer(self, deadline: float) -> bool:
        """True when the server takes connections, False when it ended."""
        process = self._process
        assert process is not None
        while True:
            try:
                connect(self.dsn(), connect_timeout=5).close()
            except psycopg.OperationalError as refused:
                last = refused
            else:
                return True
            if time.monotonic() > deadline:
                self.stop("immediate")
                raise PostgresServerError(
                    f"PostgreSQL does not respond after {self._start_timeout:.0f} s: {last}",
                    hint=f"full log: {self.log_file}",
                )
            try:
                process.wait(0.03)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            return False

    def _log_since(self, offset: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")


def _quoted(directory: Path) -> str:
    """The directory as one element of a setting that is a list of directories."""
    return '"' + str(directory).replace('"', '""') + '"'


def _explain(log: str, port: int) -> str:
    if "Address already in use" in log:
        return f"PostgreSQL cannot start: port {port} of {_HOST} is in use"
    return "PostgreSQL did not start; its last words:\n" + "\n".join(log.splitlines()[-15:])
