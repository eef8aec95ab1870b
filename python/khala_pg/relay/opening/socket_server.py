"""Server of the socket port: checks opening requests and hands on the sockets that open."""

import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response

from khala_pg.auth.authority import Authority
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.opening import responses
from khala_pg.relay.opening.handshake import Refusal
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


class SocketServer:
    """Admits opening requests and hands on the sockets that open."""

    def __init__(
        self,
        settings: RelaySettings,
        authority: Authority,
        why_unready: Callable[[], str | None],
        is_full: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        """
        why_unready: why the relay should get no traffic, None when it should.
        is_full: whether no more sockets are taken.
        """
        self._settings = settings
        self._authority = authority
        self._why_unready = why_unready
        self._is_full = is_full
        self._metrics = metrics
        self._limits = OpeningLimits(settings)
        self._refusal_log = RefusalLog(metrics)

    def serve(
        self,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        handle: Callable[[ServerConnection], Awaitable[None]],
    ) -> Server:
        """A server on a socket that is bound; `handle` gets each connection that was accepted."""
        limit_bytes = min(_WRITE_LIMIT_BYTES, self._settings.max_write_buffer_bytes)
        return serve(
            handle,
            sock=sock,
            backlog=_BACKLOG,
            ssl=tls,
            create_connection=limited_by(self._limits, self._settings, self._metrics),
            process_request=self._process_request,
            process_response=self._note_response,
            select_subprotocol=responses.select_subprotocol,
            compression=None,
            extensions=[_DEFLATE] if self._settings.compression else None,
            open_timeout=self._settings.open_timeout_s,
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
        client = self._limits.client(connection.peer_ip, connection.is_tls, request.headers)
        answer = await responses.respond(
            request,
            client,
            self._limits,
            self._authority.verify,
            self._why_unready(),
            self._is_full,
            time.time(),
        )
        if isinstance(answer, Response):
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                self._metrics.refused(answer.status_code)
            return answer
        if isinstance(answer, Refusal):
            self._refusal_log.refused(client, answer)
            return responses.refuse(answer)
        connection.encoding = answer.encoding
        connection.accept(client, answer.claims)
        return None

    def _note_response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        """An accepted request may still not be a WebSocket's opening request."""
        assert isinstance(connection, LimitedConnection)
        client, status = connection.client, response.status_code
        if client is not None and status >= HTTPStatus.BAD_REQUEST:
            refusal = Refusal(HTTPStatus(status), "bad_handshake", response.reason_phrase)
            self._refusal_log.refused(client, refusal)
