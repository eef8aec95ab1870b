"""`khala dev`: Postgres and the relay as children of one process that keeps both running."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from psycopg.pq import Conninfo

from khala_pg.child_process import (
    Restart,
    die_with_parent,
    how_it_ended,
    ignore,
    stop,
    woken_by_signals,
)
from khala_pg.dev import state
from khala_pg.dev.ports import HOST, Ports
from khala_pg.dev.state import DevError, DevState
from khala_pg.lightning.environment import SECRET
from khala_pg.migration.migrate import Outcome
from khala_pg.postgres.cluster import private
from khala_pg.postgres.installation import PostgresServerError
from khala_pg.postgres.server import PostgresServer

WS_PORT = 4000
HTTP_PORT = 4001
_RELAY_READY_S = 60.0
_RELAY_DRAIN_S = 15.0

# Of some other relay.
_OF_A_RELAY = ("KHALA_RELAY_", "KHALA_LISTENER_DATABASE_URL")

Say = Callable[[str], None]


@dataclass(frozen=True)
class DevConfig:
    """Options of `khala dev`. Ports: see dev.ports.

    database: somebody's, in which to work; None: one of its own. listener_database: the same one,
    past a transaction pooler.
    metrics_port: None opens none. web_dir: the built admin page; None: there is none, but its API.
    has_page: whether there is either.
    """

    data_dir: Path
    database: str | None = None
    ws_port: int | None = None
    http_port: int | None = None
    pg_port: int | None = None
    pg_bin: Path | None = None
    web_dir: Path | None = None
    metrics_port: int | None = None
    has_page: bool = True
    listener_database: str | None = None


class _StopRequested(BaseException):
    """SIGTERM or SIGHUP came; not an error, and not for `except Exception`."""


def run(config: DevConfig, say: Say, ready: Callable[[DevState], None]) -> None:
    """Starts everything, calls `ready` when it responds, and keeps it up until a signal stops it.

    say: takes one line for the human who watches.

    Raises DevError or PostgresServerError when it cannot start; returns after SIGINT, SIGTERM or
    SIGHUP, when everything has ended. Call it in the main thread.
    """
    handlers = {
        signal.SIGTERM: _request_stop,
        signal.SIGHUP: _request_stop,
        signal.SIGINT: signal.default_int_handler,
        signal.SIGCHLD: ignore,
    }
    if config.database is None:
        _forget_other_databases()
    with woken_by_signals(handlers) as wakeup:
        try:
            _run(config, wakeup, say, ready)
        except (KeyboardInterrupt, _StopRequested):
            say("stopped")


def _forget_other_databases() -> None:
    """Drops libpq's variables: they are for other databases than the one that is run here."""
    for option in Conninfo.get_defaults():
        if option.envvar is not None:
            os.environ.pop(option.envvar.decode(), None)


def _run(
    config: DevConfig, wakeup: socket.socket, say: Say, ready: Callable[[DevState], None]
) -> None:
    data_dir = config.data_dir.absolute()
    with state.locked(data_dir):
        ports = Ports(data_dir, say)
        ws_port = ports.choose("--ws-port", config.ws_port, WS_PORT)
        http_port = ports.choose("--http-port", config.http_port, HTTP_PORT)
        metrics_port = config.metrics_port
        if metrics_port is not None:
            metrics_port = ports.choose("--metrics-port", metrics_port)
        server: PostgresServer | None = None
        if config.database is None:
            pg_port = ports.choose("--pg-port", config.pg_port)
            server = PostgresServer(data_dir / "postgres", pg_bin=config.pg_bin, port=pg_port)
        ports.keep()
        relay: _Relay | None = None
        try:
            database, relay_database = _prepared(config, server, data_dir, say)
            keyring = state.prepare_keyring(data_dir)
            http = f"http://{HOST}:{http_port}"
            arguments = [
                f"--host={HOST}",
                f"--ws-port={ws_port}",
                f"--http-port={http_port}",
                f"--keyring={keyring}",
            ]
            if metrics_port is not None:
                arguments.append(f"--metrics-port={metrics_port}")
            if not config.has_page:
                arguments.append("--no-page")
            else:
                arguments.append(f"--dev-session={state.state_file(data_dir)}")
                if config.web_dir is not None:
                    arguments.append(f"--web-dir={config.web_dir}")
            secret = state.lightning_secret(data_dir)
            relay = _Relay(
                relay_database,
                config.listener_database,
                secret,
                arguments,
                f"{http}/readyz",
                data_dir / "relay.log",
            )
            relay.start()
            relay.await_ready(wakeup)
            found = DevState(
                database=database,
                relay_database=relay_database,
                ws=f"ws://{HOST}:{ws_port}/socket/websocket",
                http=http,
                metrics=None if metrics_port is None else f"http://{HOST}:{metrics_port}/metrics",
                page=None if config.web_dir is None else f"{http}/",
                token=state.sign_dev_token(database, keyring),
                page_session=state.page_session(database, data_dir),
                organisation=state.ORGANISATION,
                keyring=str(keyring),
                lightning_ops_secret=secret,
                pid=os.getpid(),
            )
            state.write_state(data_dir, found)
            ready(found)
            _keep_running(server, relay, wakeup, say)
        finally:
            _ignore_signals()
            state.forget_state(data_dir)
            if relay is not None:
                relay.stop()
            if server is not None:
                server.stop()


@dataclass
class _Relay:
    _database: str
    _listener_database: str | None
    _lightning_secret: str
    _arguments: list[str]
    _ready_url: str
    log_file: Path
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Secrets do not stand among the arguments, which anyone may list.
        environment = {
            **{name: os.environ[name] for name in os.environ if not name.startswith(_OF_A_RELAY)},
            "KHALA_DATABASE_URL": self._database,
            SECRET: self._lightning_secret,
        }
        if self._listener_database is not None:
            environment["KHALA_LISTENER_DATABASE_URL"] = self._listener_database
        with open(self.log_file, "ab", opener=private) as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from khala_pg.cli.main import main; main()",
                    "relay",
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def poll(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def await_ready(self, wakeup: socket.socket) -> None:
        """Returns when the relay serves. Raises DevError, with its last words, if it does not."""
        deadline = time.monotonic() + _RELAY_READY_S
        while not self._is_ready():
            if self.poll() is not None or time.monotonic() > deadline:
                words = self.log_file.read_text(errors="replace").splitlines()[-15:]
                raise DevError("the relay did not start; its last words:\n" + "\n".join(words))
            _wait(wakeup, 0.05)

    def stop(self) -> None:
        """Has the relay drain; kills it when that takes too long."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, _RELAY_DRAIN_S)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready_url, timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _wait(wakeup: socket.socket, seconds: float | None) -> None:
    """Waits for time to pass or for a signal, a child's end included, whichever comes first."""
    if select.select([wakeup], [], [], seconds)[0]:
        wakeup.recv(4096)


def _keep_running(
    server: PostgresServer | None, relay: _Relay, wakeup: socket.socket, say: Say
) -> None:
    """Starts again whichever child ends; returns only by an exception."""
    children: list[tuple[str, PostgresServer | _Relay, Restart]] = []
    if server is not None:
        children.append(("PostgreSQL", server, Restart()))
    children.append(("the relay", relay, Restart()))
    while True:
        for name, child, again in children:
            if again.due_at is None and child.poll() is not None:
                wait_s = again.ended()
                say(f"{name} {how_it_ended(child.poll())}; starting it again in {wait_s:.1f} s")
            if again.due_at is not None and time.monotonic() >= again.due_at:
                try:
                    child.start()
                except PostgresServerError as failed:
                    say(f"{failed}; next try in {again.ended():.1f} s")
                else:
                    again.started()
                    say(f"{name} is back")
        due = [again.due_at for _, _, again in children if again.due_at is not None]
        _wait(wakeup, max(0.0, min(due) - time.monotonic()) if due else None)


def _prepared(
    config: DevConfig, server: PostgresServer | None, data_dir: Path, say: Say
) -> tuple[str, str]:
    """The migrated database as its owner, and as the relay, connects to it."""
    if config.database is not None:
        say("migrating the database that --database names")
        _report(state.prepare_database(config.database), say)
        return config.database, config.database
    assert server is not None
    say(f"starting PostgreSQL {server.installation.version}")
    server.start()
    _report(state.prepare_server(server), say)
    return server.dsn(state.DATABASE), state.relay_dsn(server, data_dir)


def _report(outcome: Outcome, say: Say) -> None:
    if outcome.changes:
        say(f"migrated: {', '.join(outcome.changes)}")
    if outcome.functions:
        say(f"loaded {len(outcome.functions.added + outcome.functions.changed)} changed functions")


def _request_stop(number: int, frame: FrameType | None) -> None:
    raise _StopRequested


def _ignore_signals() -> None:
    # From here on everything is being stopped already.
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(sig, signal.SIG_IGN)
