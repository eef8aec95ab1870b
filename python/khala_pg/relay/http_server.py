"""The HTTP endpoints beside the sockets, in the same event loop."""

import contextlib
import math
from collections.abc import Awaitable, Callable, Generator

import uvicorn

from khala_pg.http.app import Ready, create_app
from khala_pg.keyring import Claims
from khala_pg.relay.database import Database
from khala_pg.relay.settings import RelaySettings


class HttpServer(uvicorn.Server):
    """A uvicorn that leaves signals to the relay; `should_exit` ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def make_http_server(
    database: Database,
    verify: Callable[[str], Awaitable[Claims]],
    ready: Ready,
    settings: RelaySettings,
) -> HttpServer:
    """A server for snapshots and documents; `serve` runs it on sockets that are bound."""
    return HttpServer(
        uvicorn.Config(
            create_app(database.connection, verify, ready),
            lifespan="off",
            # What uvicorn would log of a request is its line, and the relay configures logging.
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout_s),
        )
    )
