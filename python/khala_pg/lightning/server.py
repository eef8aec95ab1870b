"""The control plane's API by itself: a server without sockets of subscribers."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import KhalaError
from khala_pg.http.app import application
from khala_pg.http.call_metrics import lightning_metrics
from khala_pg.http.credentials import Credentials, SessionAuthenticator
from khala_pg.http.edge import Origins, Proxies
from khala_pg.lightning.api.operations import DOCUMENT
from khala_pg.lightning.api.routes import lightning_routes
from khala_pg.relay.database.pool import Database
from khala_pg.relay.http_server import serving_clients
from khala_pg.relay.monitoring.metrics_server import make_registry_server
from khala_pg.relay.opening.ports import Certificate, authority, bind
from khala_pg.relay.opening.refusal_log import RefusalLog
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import lightning as sqlapi
from khala_pg.sqlapi import relay as relay_api

logger = logging.getLogger("khala.lightning")

_SECURITY_STATE = "lightning/security:getControlPlaneSecurityState"
_FIRST_RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a running server; metrics is None when it has none."""

    http: str
    metrics: str | None


async def serve(
    settings: RelaySettings,
    authenticate_session: SessionAuthenticator | None,
    stop: asyncio.Event,
    on_ready: Callable[[Addresses], None],
) -> None:
    """Serves until `stop` is set. Raises UsageError when a port cannot be had.

    settings: those of a relay, of which the HTTP port and the limits of requests count.
    on_ready: called when the control plane can be called for the first time.
    """
    certificate = Certificate.given(settings.tls_certificate, settings.tls_key)
    database = Database(settings, lambda terms: None)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    async def ask(
        key_id: str, secret_hash: bytes, subject: str | None, org_id: str | None
    ) -> relay_api.KeyHolder | None:
        call = relay_api.authenticate_api_key
        return await database.call(call, key_id, secret_hash, subject, org_id)

    async def ready() -> str | None:
        if stop.is_set():
            return "the server is stopping"
        try:
            await database.call(sqlapi.call, _SECURITY_STATE, "{}", False)
            await database.call(sqlapi.list_paywalls, "", None, 1)
        except KhalaError as error:
            logger.warning("the control plane cannot be called: %s", error)
            return "the control plane cannot be called; the log says why"
        return None

    credentials = Credentials(
        ask,
        authenticate_session,
        Origins(settings.origins, settings.host),
        Proxies(settings.trusted_proxies),
        max_refused_per_minute=settings.max_tokens_per_minute,
    )
    metrics = lightning_metrics(registry)
    routes = lightning_routes(database.connection, credentials, settings, metrics.note)
    refusals = RefusalLog("a request was refused", lambda status: None)
    nothing_here = f"there is nothing here: GET {DOCUMENT} describes the API"
    app = application(routes, [], ready, settings, refusals.note, nothing_here)
    tls = None if certificate is None else certificate.context
    server = serving_clients(app, lambda *noted: None, refusals, settings, tls)
    scrapes = make_registry_server(registry, _nothing, settings)

    async def announce(addresses: Addresses) -> None:
        backoff = Backoff(_FIRST_RETRY_S, settings.max_backoff_s)
        while True:
            if await ready() is None:
                on_ready(addresses)
                return
            await asyncio.sleep(backoff.next_s())

    with contextlib.ExitStack() as opened:
        sock = opened.enter_context(bind("--port", settings.host, settings.http_port or 0))
        servers = [(server, sock)]
        metrics_url = None
        if settings.metrics_port is not None:
            other = bind("--metrics-port", settings.metrics_host, settings.metrics_port)
            servers.append((scrapes, opened.enter_context(other)))
            metrics_url = f"http://{authority(other)}/metrics"
        addresses = Addresses(f"http{'' if tls is None else 's'}://{authority(sock)}", metrics_url)
        await database.open()
        try:
            async with asyncio.TaskGroup() as group:
                for each, listening in servers:
                    group.create_task(each.serve([listening]))
                logger.info("serving http=%s", addresses.http)
                announcing = group.create_task(announce(addresses))
                await stop.wait()
                announcing.cancel()
                server.should_exit = scrapes.should_exit = True
        finally:
            await database.close()


async def _nothing() -> None:
    """What a registry without gauges needs before a scrape."""
