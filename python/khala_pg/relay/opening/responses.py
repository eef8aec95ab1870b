"""HTTP responses of the socket port, and its log without tokens."""

import json
import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.typing import Subprotocol

from khala_pg.relay.opening import handshake
from khala_pg.relay.opening.handshake import HandshakeError


class QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Logger that drops everything below WARNING, whatever is configured.

    websockets logs request lines and headers at DEBUG, and they hold tokens.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is logging's
        return level >= logging.WARNING and super().isEnabledFor(level)


def select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """`phoenix` for a client that offers it; a client that offers nothing is fine."""
    phoenix = Subprotocol(handshake.SUBPROTOCOL)
    return phoenix if phoenix in offered else None


def refuse(refusal: HandshakeError) -> Response:
    body: dict[str, Any] = {"code": refusal.code, "message": str(refusal)}
    retry_after_s = None
    if refusal.retry_after_ms is not None:
        body["retry_after_ms"] = refusal.retry_after_ms
        retry_after_s = math.ceil(refusal.retry_after_ms / 1000)
    response = respond(refusal.status, body, retry_after_s)
    if refusal.allow:
        response.headers["Allow"] = ", ".join(refusal.allow)
    return response


def options(methods: Sequence[str]) -> Response:
    """The response to OPTIONS for a path with these methods."""
    headers = Headers({"Allow": ", ".join((*methods, "OPTIONS")), "Connection": "close"})
    return Response(HTTPStatus.NO_CONTENT.value, HTTPStatus.NO_CONTENT.phrase, headers)


def respond(status: HTTPStatus, body: dict[str, Any], retry_after_s: int | None = None) -> Response:
    """An HTTP response with a JSON body, after which the connection ends."""
    content = json.dumps(body).encode() + b"\n"
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return Response(status.value, status.phrase, headers, content)
