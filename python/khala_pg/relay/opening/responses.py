"""The HTTP side of the socket port: opening requests, health, and logs without tokens."""

import json
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from khala_pg.auth.keyring import Claims
from khala_pg.http.edge import Client
from khala_pg.relay.opening import handshake
from khala_pg.relay.opening.handshake import Refusal
from khala_pg.relay.opening.limits import OpeningLimits

_RETRY_AFTER_MS = 2000


class QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Logger that drops everything below WARNING, whatever is configured.

    websockets logs request lines and headers at DEBUG, and they hold tokens.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is logging's
        return level >= logging.WARNING and super().isEnabledFor(level)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Claims and encoding of a socket that may open."""

    claims: Claims
    encoding: str


async def respond(
    request: Request,
    client: Client,
    limits: OpeningLimits,
    verify: Callable[[str], Awaitable[Claims]],
    unready: str | None,
    is_full: Callable[[], bool],
    now: float,
) -> Accepted | Refusal | Response:
    """The claims of a socket that may open, its refusal, or the response to another HTTP request.

    client: who sends the request.
    unready: why the relay should get no traffic, None when it should.
    is_full: whether no more sockets are taken.
    now: the time in seconds since 1970.
    """
    offered = handshake.split_subprotocols(request.headers.get_all("Sec-WebSocket-Protocol"))
    asked = handshake.read(request.path, offered)
    if isinstance(asked, Refusal):
        return asked
    if asked.path == handshake.HEALTH_PATH:
        return _respond(HTTPStatus.OK, {"status": "ok"})
    if asked.path == handshake.READY_PATH:
        if unready is None:
            return _respond(HTTPStatus.OK, {"status": "ready"})
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return refuse(Refusal(status, "internal", unready, _RETRY_AFTER_MS))
    refusal = limits.refuse_request(client, request.headers)
    if refusal is not None:
        return refusal
    claims = await handshake.authenticate(asked, verify, now)
    if isinstance(claims, Refusal):
        if claims.code == "unauthorized":
            limits.failed(client)
        return claims
    if is_full():
        message = "no more sockets are taken here: try again after retry_after_ms"
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return Refusal(status, "rate_limited", message, _RETRY_AFTER_MS)
    refusal = limits.refuse_holder(client, claims)
    if refusal is not None:
        return refusal
    return Accepted(claims, asked.encoding)


def select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """`phoenix` for a client that offers it; a client that offers nothing is fine."""
    phoenix = Subprotocol(handshake.SUBPROTOCOL)
    return phoenix if phoenix in offered else None


def refuse(refusal: Refusal) -> Response:
    """The HTTP response for a refusal."""
    body: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    retry_after_s = None
    if refusal.retry_after_ms is not None:
        body["retry_after_ms"] = refusal.retry_after_ms
        retry_after_s = math.ceil(refusal.retry_after_ms / 1000)
    return _respond(refusal.status, body, retry_after_s)


def _respond(
    status: HTTPStatus, body: dict[str, Any], retry_after_s: int | None = None
) -> Response:
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
