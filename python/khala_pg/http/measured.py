"""Duration and status of requests, by endpoint: never by a path, which a client chooses."""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ENDPOINTS = (
    ("/api/sync/snapshot", "snapshot"),
    ("/api/sync/documents", "document"),
    ("/api/sync/flags", "flags"),
    ("/api/sync/token", "token"),
    ("/api/convex/token", "token"),
    ("/api/dev/token", "token"),
    ("/api/internal/lightning-ops", "lightning_operators"),
    ("/api/lightning/security", "lightning_switches"),
    ("/api/runtime", "runtime"),
    ("/api/page", "page_sessions"),
    ("/api/admin", "admin"),
    ("/api/lightning", "lightning_owners"),
    ("/healthz", "health"),
    ("/readyz", "health"),
)

Note = Callable[[str, int, float], None]
"""Takes endpoint, status and duration in seconds."""


def measured(app: ASGIApp, note: Note) -> ASGIApp:
    """The application, with `note` called for each request."""

    async def measure(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        # What ends without a response is a fault.
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            note(_endpoint(scope["path"]), status, time.perf_counter() - started)

    return measure


def _endpoint(path: str) -> str:
    for prefix, name in _ENDPOINTS:
        if path.startswith(prefix):
            return name
    return "page"
