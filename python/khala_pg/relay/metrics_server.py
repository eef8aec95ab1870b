"""`GET /metrics`, on a port of its own that is not for clients."""

import asyncio
from collections.abc import Awaitable, Callable

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from khala_pg.relay.census import Census, CensusCollector
from khala_pg.relay.http_server import HttpServer
from khala_pg.relay.metrics import Metrics

_MAX_CONNECTIONS = 16


def make_metrics_server(
    metrics: Metrics, take_census: Callable[[], Awaitable[Census]]
) -> HttpServer:
    """A server of the metrics; `serve` runs it on sockets that are bound."""
    collector = CensusCollector()
    metrics.registry.register(collector)

    async def scrape(request: Request) -> Response:
        collector.census = await take_census()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # A thousand topics take a tenth of a second to write: sockets need not wait for it.
        text = await asyncio.to_thread(encode, metrics.registry)
        return Response(
            text,
            headers={"Content-Type": content_type, "Cache-Control": "no-store"},
        )

    return HttpServer(
        uvicorn.Config(
            Starlette(routes=[Route("/metrics", scrape)]),
            lifespan="off",
            proxy_headers=False,
            limit_concurrency=_MAX_CONNECTIONS,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
