"""`khala relay`: serve subscribers from a database."""

import asyncio
import importlib
import logging
import os
import shutil
import signal
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from prometheus_client import disable_created_metrics
from typer.core import TyperCommand

from khala_pg import logs, resources
from khala_pg.auth import keyring_file
from khala_pg.cli.options import LimitSettings, LogFormat, LogLevel, TrustedProxies
from khala_pg.cli.text import json_text
from khala_pg.errors import UsageError
from khala_pg.lightning.environment import ops_secret
from khala_pg.limits import limits_of
from khala_pg.relay.monitoring.tracing import spans_for
from khala_pg.relay.process import memory
from khala_pg.relay.process.event_loops import loop_factory
from khala_pg.relay.process.service_manager import ServiceManager, service_manager
from khala_pg.relay.process.workers import SIGNALS, Announce, Serving
from khala_pg.relay.process.workers import run as run_workers
from khala_pg.relay.server import Relay
from khala_pg.relay.settings import RelaySettings
from khala_pg.settings import KEYRING, RELAY_DATABASE, resolve

VARIABLES = "KHALA_RELAY"
"""What the variables of options begin with: KHALA_RELAY_WS_PORT is --ws-port."""

CONTEXT = {"auto_envvar_prefix": VARIABLES}

_LIMITS = {each.name: each for each in limits_of(RelaySettings)}


class Command(TyperCommand):
    """The command with all limits below its options, whole at any width."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        typer.echo("Limits and intervals, for --limit NAME=NUMBER\n")
        width = max(40, shutil.get_terminal_size().columns)
        indent = " " * 6
        for each in _LIMITS.values():
            typer.echo(f"  {each.name}={each.shown_default}")
            text = f"{each.limit.meaning} ({each.allowed})"
            typer.echo(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent))


def command(
    database: Annotated[
        str | None,
        typer.Option(
            allow_from_autoenv=False,
            help="Connection string of a login in role khala_relay. "
            "Default: KHALA_DATABASE_URL, else a running `khala dev`.",
        ),
    ] = None,
    listener_database: Annotated[
        str | None,
        typer.Option(
            envvar="KHALA_LISTENER_DATABASE_URL",
            help="Connection string for LISTEN, when --database goes through a transaction pooler.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0: all of IPv4; '::': all of IPv6, and of IPv4 where "
            "the system allows both."
        ),
    ] = "127.0.0.1",
    ws_port: Annotated[int, typer.Option(help="Port for sockets; 0: any that is free.")] = 4000,
    http_port: Annotated[
        int, typer.Option(help="Port for snapshots and documents; 0: any that is free, -1: none.")
    ] = 4001,
    metrics_host: Annotated[
        str,
        typer.Option(help="Address for /metrics, which has no authentication."),
    ] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(help="Port for /metrics; 0: any that is free, -1: none.")
    ] = -1,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Collector of traces, as in http://127.0.0.1:4318. Default: OpenTelemetry's "
            "variables; without them nothing is traced. Needs khala-pg\\[otel].",
        ),
    ] = None,
    keyring: Annotated[
        str | None,
        typer.Option(
            allow_from_autoenv=False,
            help="File of the keys that tokens are signed with. Default: KHALA_KEYRING.",
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Web origin whose pages may come, such as https://app.example; may be repeated; "
            "'*': all. Default: pages of the relay's own host."
        ),
    ] = None,
    trusted_proxy: TrustedProxies = None,
    tls_certificate: Annotated[
        str | None, typer.Option(help="PEM file of the certificate chain: both ports speak TLS.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    require_tls: Annotated[
        bool,
        typer.Option("--require-tls", help="Refuse who comes without TLS, here or at a proxy."),
    ] = False,
    web_dir: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Directory of the built admin page, served on the HTTP port. Default: the one "
            "that this package has.",
        ),
    ] = None,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Serve no admin page, and no sign-in to one.")
    ] = False,
    page_ws_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the admin page opens sockets, as in wss://sync.example/socket/websocket. "
            "Default: --ws-port at the host that the browser asks.",
        ),
    ] = None,
    dev_session: Annotated[
        Path | None,
        typer.Option(
            allow_from_autoenv=False,
            help="dev.json whose session pages of this machine have; `khala dev` sets it.",
        ),
    ] = None,
    session_authenticator: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Whom a session of your application belongs to, for POST /api/sync/token.",
        ),
    ] = None,
    limit: LimitSettings = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that serve, all on the same ports; limits count in each. /metrics: "
            "the first on --metrics-port, the others on the ports after it.",
        ),
    ] = 1,
    event_loop: Annotated[
        str,
        typer.Option(help="auto, asyncio or uvloop. auto: uvloop where it is installed."),
    ] = "auto",
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            allow_from_autoenv=False,
            help='Print one line {"ready": true, …} when clients can join.',
        ),
    ] = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "human",
) -> None:
    """Serve subscribers: Phoenix Channels on one port, snapshots on another.

    The relay holds nothing that matters: run as many as you like on one database, kill any of them
    at any moment; clients reconnect and go on from their watermarks. It keeps running while the
    database is away. SIGTERM makes it tell its clients to come back elsewhere, then stop;
    SIGHUP makes it read the keyring and the TLS certificate again. With --workers the process that
    was started passes both on to its workers, and replaces those that end.

    Each option can be set by a variable: KHALA_RELAY_ and its name, as in KHALA_RELAY_WS_PORT;
    what may be repeated is separated by spaces.

    The HTTP port also has the admin page, which opens with a link of `khala page`.

    GET /healthz says that it runs, GET /readyz (on both ports) that it serves: that it has read a
    page and heard its own notification.

    Examples:

        khala relay --database postgresql://relay@localhost/app --keyring keyring.json

        khala relay --workers 4 --metrics-port 9464

        khala relay --limit max_connections=20000 --limit heartbeat_interval_s=30
    """
    level = log_level_of(log_level, log_format)
    ring_file = Path(resolve(KEYRING, keyring))
    keyring_file.load(ring_file)
    try:
        settings = replace(
            RelaySettings(
                database=resolve(RELAY_DATABASE, database),
                listener_database=listener_database,
                host=host,
                ws_port=ws_port,
                http_port=None if http_port < 0 else http_port,
                metrics_host=metrics_host,
                metrics_port=None if metrics_port < 0 else metrics_port,
                origins=tuple(origin or ()),
                trusted_proxies=tuple(trusted_proxy or ()),
                tls_certificate=tls_certificate,
                tls_key=tls_key,
                require_tls=require_tls,
                web_dir=None if no_page else web_dir or resources.web_dir(),
                has_page=not no_page,
                page_ws_url=page_ws_url,
                dev_session=dev_session,
                lightning_ops_secret=ops_secret(os.environ),
            ),
            **limits(limit or []),
        )
    except ValueError as error:
        raise UsageError(str(error), "See `khala relay --help`.") from error
    make_loop = loop_factory(event_loop)
    authenticate = None if session_authenticator is None else load_function(session_authenticator)
    # One series less for each counter; what it says is in the counter's own history.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    manager = service_manager(os.environ)

    def serve(settings: RelaySettings, worker: int | None, announce: Announce) -> None:
        logs.configure(level, log_format, worker)
        memory.spare_loaded()
        # Read by every worker: one that starts later serves with the keys of then.
        relay = Relay(
            settings,
            keyring_file.load(ring_file),
            lambda: keyring_file.load(ring_file),
            authenticate,
            spans_for(otlp_endpoint, os.environ),
        )
        with asyncio.Runner(loop_factory=make_loop) as runner:
            # Of several workers the process that started them notifies.
            runner.run(_run(relay, announce, manager if worker is None else ServiceManager()))

    def announce(addresses: dict[str, Any]) -> None:
        manager.ready()
        if as_json:
            typer.echo(json_text({"ready": True, **addresses}))

    if workers == 1:
        serve(settings, None, lambda addresses: announce(asdict(addresses)))
        return
    logs.configure(level, log_format)
    run_workers(settings, workers, serve, lambda serving: announce(_described(serving)), manager)


def log_level_of(name: str, log_format: str) -> int:
    """The level of that name. Raises UsageError for an unknown level or format."""
    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        raise UsageError(f"no log level {name!r}", "Choose debug, info, warning or error.")
    if log_format not in logs.FORMATS:
        raise UsageError(f"no log format {log_format!r}", "Choose human or json.")
    return level


def limits(pairs: list[str]) -> dict[str, Any]:
    """Settings by name, from options NAME=NUMBER. Raises UsageError."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in _LIMITS:
            raise UsageError(f"there is no limit {name!r}", f"There are: {', '.join(_LIMITS)}.")
        default = _LIMITS[name].default
        try:
            if isinstance(default, bool):
                found[name] = {"true": True, "false": False}[text]
            else:
                found[name] = type(default)(text)
        except (ValueError, KeyError):
            raise UsageError(
                f"{name} cannot be {text!r}", f"Write a number like --limit {name}={default}."
            ) from None
    return found


def load_function(name: str) -> Any:
    """The function that MODULE:FUNCTION names. Raises UsageError."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"there is no session authenticator {name!r}: {error}",
            "Name an async function of one argument, the request: package.module:function.",
        ) from None
    if not callable(found):
        raise UsageError(f"{name!r} is not a function", "Name one: package.module:function.")
    return found


def _described(serving: Sequence[Serving]) -> dict[str, Any]:
    """Addresses of workers: one for clients, one each for metrics."""
    each = [{"worker": s.worker, "pid": s.pid, "metrics": s.addresses.metrics} for s in serving]
    return {**asdict(serving[0].addresses), "workers": each}


async def _run(relay: Relay, announce: Announce, manager: ServiceManager) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        manager.stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, relay.reload)
    # What came before this process was prepared for it comes now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    alive = loop.create_task(manager.keep_alive())
    try:
        await relay.run(stop, on_ready=announce)
    finally:
        alive.cancel()
