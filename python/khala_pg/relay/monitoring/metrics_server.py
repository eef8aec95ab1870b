"""`GET /metrics`, on a port of its own that is not for clients."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from khala_pg.http.bounded import bounded
from khala_pg.http.edge import Proxies
from khala_pg.http.paths import OwnPath, handlers
from khala_pg.http.timed_protocol import counted
from khala_pg.relay.http_server import HttpServer, serving
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.gauges import GaugeCollector, Gauges
from khala_pg.relay.opening.limits import ConnectionCounts
from khala_pg.relay.opening.refusal_log import RefusalLog
from khala_pg.relay.settings import RelaySettings

# Scrapers forget connections that they never close: uvicorn ends those that idle for five seconds.
_MAX_CONNECTIONS = 64


def make_metrics_server(
    metrics: Metrics, read_gauges: Callable[[], Awaitable[Gauges]], settings: RelaySettings
) -> HttpServer:
    """A server of the metrics; `serve` runs it on sockets that are bound."""
    collector = GaugeCollector()
    metrics.registry.register(collector)

    async def refresh() -> None:
        collector.gauges = await read_gauges()

    return make_registry_server(metrics.registry, refresh, settings)


def make_registry_server(
    registry: CollectorRegistry, refresh: Callable[[], Awaitable[None]], settings: RelaySettings
) -> HttpServer:
    """A server of a registry. refresh: called before each scrape."""
    counts = ConnectionCounts(Proxies(()), _MAX_CONNECTIONS, _MAX_CONNECTIONS)

    async def scrape(request: Request) -> Response:
        await refresh()
        encode, content_type = _encoder(request.headers.get("Accept", ""))
        # A thousand topics take a tenth of a second to write: sockets need not wait for it.
        text = await asyncio.to_thread(encode, registry)
        return Response(
            text,
            headers={"Content-Type": content_type, "Cache-Control": "no-store"},
        )

    app = Starlette(
        routes=[OwnPath("/metrics", scrape)],
        exception_handlers=handlers("there is nothing here: GET /metrics"),
    )
    refusals = RefusalLog("a scrape was refused", lambda status: None)
    bounds = bounded(
        app, settings.max_head_bytes, _MAX_CONNECTIONS, settings.retry_after_s, refusals.note
    )
    protocol = counted(settings.open_timeout_s, counts, refusals.note)
    return serving(bounds, protocol, 1.0, settings.max_head_bytes)


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # A version that is no number is compared with one. Scrapers read the plain form.
        return choose_encoder("")
