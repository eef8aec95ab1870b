"""Reads over HTTP on the socket's port, answered by the application of the HTTP port.

One address is then enough for a client. Each request has a connection of its own.
"""

from http import HTTPStatus
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

# The last one is there beside `khala dev` only.
_READS = ("/api/sync/snapshot", "/api/sync/documents", "/api/sync/flags", "/api/dev/token")


def is_read(target: str) -> bool:
    """Whether a request's target is one that a client reads."""
    path = target.partition("?")[0]
    return any(path == read or path.startswith(f"{read}/") for read in _READS)


async def answer(app: ASGIApp, connection: ServerConnection, request: Request) -> Response:
    """The application's response to a request without a body."""
    status, headers, body = HTTPStatus.INTERNAL_SERVER_ERROR, Headers(), bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = HTTPStatus(message["status"])
            for name, value in message["headers"]:
                headers[name.decode("latin-1").title()] = value.decode("latin-1")
        else:
            body.extend(message.get("body", b""))

    await app(_scope(connection, request), receive, send)
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, bytes(body))


def _scope(connection: ServerConnection, request: Request) -> Scope:
    path, _, query = request.path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": request.protocol.removeprefix("HTTP/"),
        "method": request.method,
        "scheme": "http" if connection.transport.get_extra_info("sslcontext") is None else "https",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "root_path": "",
        "query_string": query.encode("ascii"),
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.raw_items()
        ],
        "client": connection.remote_address[:2] if connection.remote_address else None,
        "server": connection.local_address[:2] if connection.local_address else None,
    }
