"""Bounds of the requests of a port: the size of a head, and how many are served at once."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from khala_pg.http import errors

Refused = Callable[[str, HTTPStatus, str], None]
"""Takes the address, the status and the code of a request that a bound refused."""


def bounded(
    app: ASGIApp, max_head_bytes: int, max_requests: int, retry_after_s: float, refused: Refused
) -> ASGIApp:
    """The application, with requests over a bound refused."""
    running = 0

    async def bound(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal running
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        address = str((scope.get("client") or ("",))[0])
        if _head_bytes(scope) > max_head_bytes:
            refused(address, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "payload_too_large")
            await errors.head_too_large(max_head_bytes)(scope, receive, send)
            return
        if running >= max_requests:
            refused(address, HTTPStatus.SERVICE_UNAVAILABLE, "rate_limited")
            message = "too many requests are being served here: try again after retry_after_ms"
            response = errors.unavailable(message, retry_after_s, "rate_limited")
            await response(scope, receive, send)
            return
        running += 1
        try:
            await app(scope, receive, send)
        finally:
            running -= 1

    return bound


def _head_bytes(scope: Scope) -> int:
    """The size of a request's line and headers without optional blanks."""
    query = scope["query_string"]
    target = len(scope["raw_path"]) + (1 + len(query) if query else 0)
    line = len(scope["method"]) + target + len("  HTTP/1.1\r\n")
    fields = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    return line + fields + len("\r\n")
