"""A web application of a test, served on a real socket in the test's event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from khala_pg.relay.http_server import HttpServer
from support.trials.waiting import until


@asynccontextmanager
async def serving_app(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Gives the URL. A port of before serves it again."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = HttpServer(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="websockets-sansio",
                log_config=None,
                log_level="error",
                access_log=False,
                # A connection that rests is closed by its client: both at once would be a reset.
                timeout_keep_alive=600,
                timeout_graceful_shutdown=1,
            )
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            await until(lambda: server.started, "the stand-in serves")
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
