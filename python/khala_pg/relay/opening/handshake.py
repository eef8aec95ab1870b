"""Handshake: path, protocol version and token of an opening request."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from khala_pg.auth.claims import Claims, TokenError
from khala_pg.relay.delivery.lanes import LANES

SOCKET_PATHS = ("/socket/websocket", "/sync/websocket", "/sync/socket/websocket")
HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"
METHODS = {
    **dict.fromkeys(SOCKET_PATHS, ("GET",)),
    **dict.fromkeys((HEALTH_PATH, READY_PATH), ("GET", "HEAD")),
}
"""The methods of each path, besides OPTIONS."""

SUBPROTOCOL = "phoenix"
_TOKEN_PREFIX = "base64url.bearer.phx."  # noqa: S105 - the name of a header's part
MAX_QUERY_FIELDS = 32


class HandshakeError(Exception):
    """Refusal of an opening request with an HTTP error."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        retry_after_ms: int | None = None,
        allow: Sequence[str] = (),
    ) -> None:
        """allow: the methods that the path has, when the request's is none of them."""
        super().__init__(message)
        self.status, self.code, self.retry_after_ms = status, code, retry_after_ms
        self.allow = allow


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """Parsed opening request. The token does not show when this is printed."""

    path: str
    version: str | None
    encoding: str
    token: str | None = field(repr=False)


def read(target: str, subprotocols: Sequence[str]) -> OpeningRequest:
    """Reads the request target (path and query) and the subprotocols that are offered.

    A token in the query wins over one among the subprotocols. Raises HandshakeError.
    """
    try:
        parts = urlsplit(target)
        pairs = parse_qsl(
            parts.query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS, errors="strict"
        )
    except ValueError:
        raise HandshakeError(
            HTTPStatus.BAD_REQUEST, "bad_frame", "the URL is not readable"
        ) from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if query.setdefault(name, value) != value:
            message = f"the URL has {name[:32]!r} twice: leave one out"
            raise HandshakeError(HTTPStatus.BAD_REQUEST, "bad_frame", message)
    token = query.get("token") or _subprotocol_token(subprotocols)
    return OpeningRequest(parts.path, query.get("vsn"), query.get("encoding", "json"), token)


async def authenticate(
    request: OpeningRequest, verify: Callable[[str], Awaitable[Claims]], now: float
) -> Claims:
    """The claims that a socket may open with. Raises HandshakeError.

    verify: checks a token, raises TokenError.
    now: the time in seconds since 1970.
    """
    if request.path not in SOCKET_PATHS:
        message = f"there is nothing here: sockets open at {SOCKET_PATHS[0]}?vsn=2.0.0"
        raise HandshakeError(HTTPStatus.NOT_FOUND, "not_found", message)
    if request.version is None or not request.version.startswith("2."):
        reason = "no vsn means 1.0.0" if request.version is None else "this vsn is not served"
        message = f"{reason}: this is Phoenix Channels serializer version 2, ask for vsn=2.0.0"
        raise HandshakeError(HTTPStatus.FORBIDDEN, "unsupported_version", message)
    if request.encoding not in LANES:
        message = "this encoding is not served: ask for protobuf, or leave it out for JSON"
        raise HandshakeError(HTTPStatus.FORBIDDEN, "unsupported_encoding", message)
    if request.token is None:
        message = (
            "no token: pass token=… in the URL, "
            "or the subprotocols phoenix, base64url.bearer.phx.<base64 of the token>"
        )
        raise HandshakeError(HTTPStatus.FORBIDDEN, "unauthorized", message)
    try:
        claims = await verify(request.token)
    except TokenError as error:
        raise HandshakeError(HTTPStatus.FORBIDDEN, "unauthorized", str(error)) from None
    if claims.expires_at <= now:
        # Within the leeway of verification, but a live socket is closed at `exp`.
        message = "the token has expired: come back with a new one"
        raise HandshakeError(HTTPStatus.FORBIDDEN, "unauthorized", message)
    return claims


def check_method(path: str, method: str) -> None:
    """Raises HandshakeError when there is such a path, with other methods."""
    allowed = METHODS.get(path)
    if allowed is not None and method not in allowed:
        raise method_not_allowed(allowed)


def method_not_allowed(allowed: Sequence[str]) -> HandshakeError:
    allow = (*allowed, "OPTIONS")
    message = f"this path takes the methods {', '.join(allow)}"
    return HandshakeError(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message, allow=allow)


def split_subprotocols(header_values: Sequence[str]) -> list[str]:
    """The subprotocols offered in one or more Sec-WebSocket-Protocol headers."""
    names = (name.strip() for value in header_values for name in value.split(","))
    return [name for name in names if name]


def _subprotocol_token(subprotocols: Sequence[str]) -> str | None:
    for name in subprotocols:
        if name.startswith(_TOKEN_PREFIX):
            encoded = name.removeprefix(_TOKEN_PREFIX).translate(str.maketrans("-_", "+/"))
            padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
            try:
                return base64.b64decode(padded, validate=True).decode()
            except (binascii.Error, ValueError):
                # A token that cannot be read is a token that is not valid.
                return ""
    return None
