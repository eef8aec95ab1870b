"""Sockets of a relay that have opened: a session for each, until it ends."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection

from khala_pg.auth.authority import Authority
from khala_pg.relay.delivery.pager import Supply
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring import socket_log
from khala_pg.relay.opening.limited_connection import LimitedConnection
from khala_pg.relay.process import memory
from khala_pg.relay.session import Session

_NOTSENT_BYTES = 256 * 1024


@dataclass
class Sockets:
    """The sessions of open sockets.

    _epoch, _max_payload_bytes, _spawn: as a session has them.
    """

    sessions: set[Session]
    _supply: Supply
    _authority: Authority
    _metrics: Metrics
    _epoch: Callable[[], str | None]
    _max_payload_bytes: Callable[[], int]
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    _ended: memory.EndedSockets = field(default_factory=memory.EndedSockets)

    async def serve(self, connection: ServerConnection) -> None:
        """Serves a socket until it has ended."""
        assert isinstance(connection, LimitedConnection)
        claims = connection.claims
        assert claims is not None
        connection.limit_kernel_buffer(_NOTSENT_BYTES)
        connection.forget_opening()
        session = Session(
            connection,
            claims,
            self._supply,
            self._authority.verify,
            self._epoch,
            self._max_payload_bytes,
            self._spawn,
        )
        self.sessions.add(session)
        self._metrics.opened.inc()
        opened_at = connection.loop.time()
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            life_s = connection.loop.time() - opened_at
            socket_log.log_end(connection, claims, self._metrics, life_s)
            self._ended.add(len(self.sessions))
