"""Server of the socket port: checks opening requests and hands on the sockets that open."""

import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response

from khala_pg.auth.authority import Authority
from khala_pg.auth.claims import Claims
from khala_pg.http.edge import Client
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.opening import handshake, http_reads, responses
from khala_pg.relay.opening.handshake import HandshakeError
from khala_pg.relay.opening.limited_connection import LimitedConnection, limited_by
from khala_pg.relay.opening.limits import OpeningLimits
from khala_pg.relay.opening.refusal_log import RefusalLog
from khala_pg.relay.opening.responses import QuietLogger
from khala_pg.relay.settings import RelaySettings

_MAX_QUEUED_FRAMES = 4
# Every message is compressed by itself, so that one for many sockets is compressed once, and no
# socket keeps a window. Memory and window are those that websockets chooses.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=12,
    client_max_window_bits=12,
    compress_settings={"memLevel": 5},
)
# asyncio would have a hundred wait: who comes then is not heard, and asks again after a second.
_BACKLOG = 1024
# The next page is fetched when this process holds no more than a quarter of it for the socket.
_WRITE_LIMIT_BYTES = 256 * 1024


@dataclass
class SocketServer:
    """Server of one relay's socket port.

    _why_unready: why the relay should get no traffic, None when it should.
    _is_full: whether no more sockets are taken.
    """

    _settings: RelaySettings
    _authority: Authority
    _why_unready: Callable[[], str | None]
    _is_full: Callable[[], bool]
    _metrics: Metrics

    def __post_init__(self) -> None:
        self._limits = OpeningLimits(self._settings)
        self._refusal_log = RefusalLog("no socket opened", self._metrics.refused)

    def serve(
        self,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        handle: Callable[[ServerConnection], Awaitable[None]],
        reads: ASGIApp,
    ) -> Server:
        """A server on a socket that is bound.

        handle: gets each connection that was accepted. reads: answers what clients read over HTTP.
        """
        self._reads = reads
        timeout_s = self._settings.open_timeout_s
        for_tls: dict[str, Any] = {} if tls is None else {"ssl_handshake_timeout": timeout_s}
        limit_bytes = min(_WRITE_LIMIT_BYTES, self._settings.max_write_buffer_bytes)
        return serve(
            handle,
            sock=sock,
            backlog=_BACKLOG,
            ssl=tls,
            create_connection=limited_by(
                self._limits, self._settings, self._metrics, self._refusal_log
            ),
            process_request=self._process_request,
            process_response=self._note_response,
            select_subprotocol=responses.select_subprotocol,
            compression=None,
            extensions=[_DEFLATE] if self._settings.compression else None,
            # Each connection has a limit of its own, which ends with its request.
            open_timeout=None,
            **for_tls,
            # The keepalive pings and drops all sockets.
            ping_interval=None,
            max_size=self._settings.max_frame_bytes,
            max_queue=_MAX_QUEUED_FRAMES,
            write_limit=(limit_bytes, limit_bytes // 4),
            server_header=None,
            logger=QuietLogger(logging.getLogger("khala.relay.websockets")),
        )

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        assert isinstance(connection, LimitedConnection)
        if http_reads.is_read(request.path):
            connection.take_time()
            return await http_reads.answer(self._reads, connection, request)
        client = self._limits.client(connection.peer_ip, connection.is_tls, request.headers)
        offered = handshake.split_subprotocols(request.headers.get_all("Sec-WebSocket-Protocol"))
        try:
            wanted = handshake.read(request.path, offered)
            if request.method == "OPTIONS" and wanted.path in handshake.METHODS:
                return responses.options(handshake.METHODS[wanted.path])
            handshake.check_method(wanted.path, request.method)
            if wanted.path == handshake.HEALTH_PATH:
                return responses.respond(HTTPStatus.OK, {"status": "ok"})
            if wanted.path == handshake.READY_PATH:
                return self._ready()
            claims = await self._authorize(wanted, request, client)
        except HandshakeError as refusal:
            self._refusal_log.refused(client.ip, refusal)
            return responses.refuse(refusal)
        connection.encoding = wanted.encoding
        connection.accept(client, claims)
        return None

    def _ready(self) -> Response:
        unready = self._why_unready()
        if unready is None:
            return responses.respond(HTTPStatus.OK, {"status": "ready"})
        refusal = self._unavailable("internal", unready)
        self._metrics.refused(refusal.status)
        return responses.refuse(refusal)

    async def _authorize(
        self, wanted: handshake.OpeningRequest, request: Request, client: Client
    ) -> Claims:
        """The claims of a socket that may open. Raises HandshakeError."""
        self._limits.refuse_request(client, request.headers)
        try:
            claims = await handshake.authenticate(wanted, self._authority.verify, time.time())
        except HandshakeError as refusal:
            if refusal.code == "unauthorized":
                self._limits.failed(client)
            raise
        if self._is_full():
            message = "no more sockets are taken here: try again after retry_after_ms"
            raise self._unavailable("rate_limited", message)
        self._limits.refuse_holder(client, claims)
        return claims

    def _note_response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        """An accepted request may still not be a WebSocket's opening request."""
        assert isinstance(connection, LimitedConnection)
        client, status = connection.client, response.status_code
        if client is not None and status >= HTTPStatus.BAD_REQUEST:
            refusal = HandshakeError(HTTPStatus(status), "bad_handshake", response.reason_phrase)
            self._refusal_log.refused(client.ip, refusal)
        if request.method == "HEAD":
            response.body = b""

    def _unavailable(self, code: str, message: str) -> HandshakeError:
        retry_after_ms = round(self._settings.retry_after_s * 1000)
        return HandshakeError(HTTPStatus.SERVICE_UNAVAILABLE, code, message, retry_after_ms)
