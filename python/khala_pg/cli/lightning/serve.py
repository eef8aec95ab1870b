"""`khala lightning serve`: the control plane's API without a relay."""

import asyncio
import json
import os
import signal
from dataclasses import asdict, replace
from typing import Annotated

import typer
from prometheus_client import disable_created_metrics

from khala_pg import logs
from khala_pg.cli.options import LimitSettings, LogFormat, LogLevel, TrustedProxies
from khala_pg.cli.serving.relay import Command, limits, load_function, log_level_of
from khala_pg.errors import UsageError
from khala_pg.http.credentials import SessionAuthenticator
from khala_pg.lightning.environment import ops_secret
from khala_pg.lightning.server import Addresses, serve
from khala_pg.relay.settings import RelaySettings
from khala_pg.settings import RELAY_DATABASE, resolve

__all__ = ["Command", "command"]


def command(
    database: Annotated[
        str | None,
        typer.Option(
            help="Connection string of a login in roles khala_relay, lightning_ops and "
            "lightning_owner_api. Default: KHALA_DATABASE_URL, else a running `khala dev`."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the API; 0: any that is free.")] = 4003,
    metrics_host: Annotated[str, typer.Option(help="Address for /metrics.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(help="Port for /metrics; 0: any that is free, -1: none.")
    ] = -1,
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Web origin whose pages may come; may be given again."),
    ] = None,
    trusted_proxy: TrustedProxies = None,
    tls_certificate: Annotated[
        str | None, typer.Option(help="PEM file of the certificate chain: the API speaks TLS.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    session_authenticator: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Whom a session of your application belongs to, for owners.",
        ),
    ] = None,
    limit: LimitSettings = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help='Print one line {"ready": true, …} when it can be called.'),
    ] = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "human",
) -> None:
    """Serve the control plane's API, as a relay does on its HTTP port.

    Operators' calls need OA_LIGHTNING_OPS_SECRET in the environment. GET /healthz says that it
    runs, GET /readyz that it can call the control plane. SIGTERM stops it.

    Examples:

        khala lightning serve --database postgresql://lightning@localhost/app --port 4003
    """
    level = log_level_of(log_level, log_format)
    try:
        settings = replace(
            RelaySettings(
                database=resolve(RELAY_DATABASE, database),
                host=host,
                http_port=port,
                metrics_host=metrics_host,
                metrics_port=None if metrics_port < 0 else metrics_port,
                origins=tuple(origin or ()),
                trusted_proxies=tuple(trusted_proxy or ()),
                tls_certificate=tls_certificate,
                tls_key=tls_key,
                lightning_ops_secret=ops_secret(os.environ),
            ),
            **limits(limit or []),
        )
    except ValueError as error:
        raise UsageError(str(error), "See `khala lightning serve --help`.") from error
    authenticate = None if session_authenticator is None else load_function(session_authenticator)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    logs.configure(level, log_format)
    asyncio.run(_run(settings, authenticate, as_json))


async def _run(
    settings: RelaySettings, authenticate: SessionAuthenticator | None, as_json: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(addresses: Addresses) -> None:
        if as_json:
            typer.echo(json.dumps({"ready": True, **asdict(addresses)}))

    await serve(settings, authenticate, stop, announce)
