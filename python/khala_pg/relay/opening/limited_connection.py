"""Connection that enforces per-socket abuse limits."""

import asyncio
from typing import Any

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from khala_pg.auth.claims import Claims
from khala_pg.http.edge import Client
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.opening.limits import OpeningLimits
from khala_pg.relay.opening.opening_protocol import OpeningProtocol
from khala_pg.relay.opening.refusal_log import RefusalLog
from khala_pg.relay.settings import RelaySettings

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class LimitedConnection(RelayConnection):
    """Counted from its first packet to its last; bounded in what it may send besides messages.

    A message has at most `max_fragments` frames: websockets bounds a message's bytes, and a frame
    may have none. Control frames are bounded per second: each ping gets a pong, which
    a peer that does not read leaves to this process to keep.
    """

    __slots__ = (
        "_controls",
        "_controls_since",
        "_deadline",
        "_fragments",
        "_is_welcome",
        "_opened_with",
        "_peer",
    )

    limits: OpeningLimits
    settings: RelaySettings
    metrics: Metrics
    refusal_log: RefusalLog

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        OpeningProtocol.take_over(self.protocol, self.settings.max_head_bytes)
        self._opened_with: tuple[Client, Claims] | None = None
        self._peer = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._is_welcome = True
        self._fragments = 0
        self._controls = 0
        self._controls_since = 0.0

    def accept(self, client: Client, claims: Claims) -> None:
        """The socket may open, for this client under these claims."""
        self.claims = claims
        # Its token may have been looked into for longer than the client stayed: `connection_lost`
        # has been then, and would never take back what the limits count now.
        if self.state is State.CONNECTING:
            self._opened_with = (client, claims)
            self.limits.entered(client, claims)

    def take_time(self) -> None:
        """The request has come, and its response may take as long as one of the HTTP port."""
        if self._deadline is not None:
            self._deadline.cancel()
        self.close_timeout = self.settings.idle_timeout_s

    @property
    def client(self) -> Client | None:
        """The client that the socket may open for; None before that."""
        return None if self._opened_with is None else self._opened_with[0]

    @property
    def peer_ip(self) -> str:
        """The address that the connection comes from; a proxy's if there is one."""
        peer = self.remote_address
        return str(peer[0]) if peer else ""

    @property
    def is_tls(self) -> bool:
        """Whether the connection itself is TLS, whatever comes after a proxy."""
        return self.transport.get_extra_info("sslcontext") is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Asked now: a connection that is lost no longer knows.
        self._peer = self.peer_ip
        self._is_welcome = self.limits.counts.enter(self._peer)
        if not self._is_welcome:
            self.metrics.turned_away.inc()
            self.transport.abort()
        self._deadline = self.loop.call_later(self.settings.open_timeout_s, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self.limits.counts.leave(self._peer)
        if self._opened_with is not None:
            self.limits.left(*self._opened_with)
        assert isinstance(self.protocol, OpeningProtocol)
        if self.protocol.refusal is not None:
            self.refusal_log.refused(self._peer, self.protocol.refusal)
        elif self._is_welcome and self.response is None:
            metrics = self.metrics
            (metrics.unasked if self.request is None else metrics.unanswered).inc()
        super().connection_lost(exc)

    def _cut(self) -> None:
        if self.state is State.CONNECTING:
            self.transport.abort()

    def process_event(self, event: Frame | Request | Response) -> None:
        if isinstance(event, Frame) and not self._is_tolerable(event):
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many frames")
            self.send_data()
            return
        super().process_event(event)

    def _is_tolerable(self, frame: Frame) -> bool:
        if frame.opcode in _DATA:
            self._fragments = 0 if frame.fin else self._fragments + 1
            return self._fragments <= self.settings.max_fragments
        now = self.loop.time()
        if now - self._controls_since > 1.0:
            self._controls, self._controls_since = 0, now
        self._controls += 1
        return self._controls <= self.settings.max_control_frames_per_second


def limited_by(
    limits: OpeningLimits, settings: RelaySettings, metrics: Metrics, refusal_log: RefusalLog
) -> type[LimitedConnection]:
    """The class of the connections that one set of limits counts; websockets wants a class."""
    shared = {
        "limits": limits,
        "settings": settings,
        "metrics": metrics,
        "refusal_log": refusal_log,
    }
    return type("LimitedConnection", (LimitedConnection,), shared)
