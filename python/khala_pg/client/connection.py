"""One WebSocket speaking Phoenix V2: frames out, frames in, and what a refusal or a close means."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from khala_pg import strict_json
from khala_pg.client import binary, wire
from khala_pg.client.errors import (
    ClientError,
    ForbiddenTopicError,
    RequestRefusedError,
    RetryLaterError,
    TransportError,
    UnauthorizedError,
)

CHANNEL = "sync:v1"
Encoding = Literal["json", "protobuf"]
"""The form in which updates arrive."""

_UNAUTHORIZED, _FORBIDDEN = 4401, 4403
_TOO_BIG, _RESTARTING = 1009, 1012


class Connection:
    """An open socket. Messages may be sent by several tasks and are read by one."""

    def __init__(
        self, socket: ClientConnection, silence_limit: float, encoding: Encoding = "json"
    ) -> None:
        self._socket = socket
        self._encoding = encoding
        self._refs = itertools.count(1)
        self._join_ref: str | None = None
        self.silence_limit = silence_limit
        """Seconds that the server may say nothing, while we listen, before it is dead."""

    async def join(self) -> str:
        """Ask to join the channel; the response comes with the reference returned here."""
        self._join_ref = str(next(self._refs))
        await self._send(self._join_ref, self._join_ref, CHANNEL, "phx_join", {})
        return self._join_ref

    async def request(self, event: str, payload: Mapping[str, Any]) -> str:
        """Send a request on the channel; the response comes with the reference returned here."""
        ref = str(next(self._refs))
        await self._send(self._join_ref, ref, CHANNEL, event, payload)
        return ref

    async def heartbeat(self) -> None:
        """Send a Phoenix heartbeat; each gets a reply."""
        await self._send(None, str(next(self._refs)), "phoenix", "heartbeat", {})

    async def receive(self) -> wire.Frame:
        """The next frame that is for us.

        Raises TransportError or a subclass when the socket closed or fell silent, and
        UnauthorizedError or ForbiddenTopicError when the close says so.
        """
        while True:
            try:
                # Only listening is timed: while a slow consumer keeps us from listening, the
                # server's silence is our own.
                async with asyncio.timeout(self.silence_limit):
                    message = await self._socket.recv()
            except TimeoutError as error:
                raise TransportError(f"nothing heard for {self.silence_limit:g} s") from error
            except ConnectionClosed as error:
                raise _closed(error) from error
            if isinstance(message, bytes) and self._encoding != "json":
                frame = binary.frame(message)
            else:
                frame = wire.frame(message)
            if frame.topic == CHANNEL and frame.join_ref not in (None, self._join_ref):
                continue  # of a join that this one replaced
            return frame

    async def _send(
        self, join_ref: str | None, ref: str, topic: str, event: str, payload: Mapping[str, Any]
    ) -> None:
        try:
            await self._socket.send(strict_json.dumps([join_ref, ref, topic, event, payload]))
        except ConnectionClosed as error:
            raise _closed(error) from error


@asynccontextmanager
async def open_connection(
    url: str,
    token: str,
    *,
    timeout: float,
    silence_limit: float,
    max_frame_bytes: int,
    encoding: Encoding = "json",
) -> AsyncIterator[Connection]:
    """Open a socket at `url`, closed when the context ends.

    timeout: for the handshake, in seconds. encoding: how updates are to arrive.
    Raises UnauthorizedError, RetryLaterError or TransportError.
    """
    # base64url without padding: every character of it may stand in a subprotocol's name. The token
    # is not put in the URL, which proxies and servers log.
    bearer = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    try:
        socket = await connect(
            _with_version(url, encoding),
            subprotocols=[
                Subprotocol("phoenix"),
                Subprotocol(f"base64url.bearer.phx.{bearer}"),
            ],
            open_timeout=timeout,
            # Pongs wait behind frames that a slow consumer leaves unread; our heartbeats and the
            # limit on silence find a dead connection without that mistake.
            ping_interval=None,
            close_timeout=2,
            max_size=max_frame_bytes,
            max_queue=4,
            proxy=None,
        )
    except InvalidStatus as error:
        raise _refused(error) from error
    except (OSError, TimeoutError, WebSocketException) as error:
        raise TransportError(f"cannot connect to {url}: {error or 'timed out'}") from error
    try:
        yield Connection(socket, silence_limit, encoding)
    finally:
        # The server's close stands behind what is still on its way, which nobody reads any more.
        dropping = asyncio.create_task(_drop(socket))
        try:
            await socket.close()
        finally:
            dropping.cancel()
            # In Python 3.11.2, which Debian 12 has, a time limit that passes in a cancelled task
            # ends as that cancellation: close() then leaves a silent server's socket open.
            socket.transport.abort()


async def _drop(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv(decode=False)


def _with_version(url: str, encoding: Encoding) -> str:
    parts = urlsplit(url)
    asked = {"vsn": "2.0.0"} if encoding == "json" else {"vsn": "2.0.0", "encoding": encoding}
    query = "&".join(filter(None, [parts.query, urlencode(asked)]))
    return urlunsplit(parts._replace(query=query))


def _refused(error: InvalidStatus) -> ClientError:
    response = error.response
    try:
        body = strict_json.loads(bytes(response.body or b""))
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    message = str(body.get("message") or f"the server responded {response.status_code}")
    if response.status_code in (429, 503):
        return RetryLaterError(message, retry_after_header(response.headers.get("Retry-After")))
    if response.status_code in (401, 403) and body.get("code") in (None, "unauthorized"):
        return UnauthorizedError(message)
    if response.status_code < 500 and response.status_code not in (404, 408):
        return RequestRefusedError(str(body.get("code", response.status_code)), message)
    return TransportError(message)


def retry_after_header(value: str | None) -> float:
    """Seconds that a Retry-After header asks for; 0 when it is absent or a date."""
    return float(value) if value is not None and value.isdecimal() else 0.0


def _closed(error: ConnectionClosed) -> ClientError:
    code = error.rcvd.code if error.rcvd is not None else None
    reason = error.rcvd.reason if error.rcvd is not None else ""
    said = f"the connection closed ({code or 'without a word'}{': ' if reason else ''}{reason})"
    if code == _UNAUTHORIZED:
        return UnauthorizedError(said)
    if code == _FORBIDDEN:
        return ForbiddenTopicError(said)
    if code == _RESTARTING:
        return RetryLaterError(said, 0.0)
    sent = error.sent.code if error.sent is not None else None
    if sent == _TOO_BIG and not error.rcvd_then_sent:
        return RequestRefusedError(
            "payload_too_large", "the server sent a frame over this client's max_frame_bytes"
        )
    return TransportError(said)
