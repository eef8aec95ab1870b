"""Periodic work on all sockets: expiry of tokens, pings, limits, heartbeats."""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from websockets.frames import Opcode

from khala_pg import strict_json
from khala_pg.auth.authority import Authority
from khala_pg.relay.connection import SharedMessage
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.session import Session
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire import frames

logger = logging.getLogger("khala.relay.keepalive")

_TICK_S = 0.5
_CLOSE_TIMEOUT_S = 5.0


@dataclass
class Keepalive:
    """Pass over all open sockets, repeated until it is cancelled."""

    _sessions: Collection[Session]
    _settings: RelaySettings
    _authority: Authority
    _metrics: Metrics

    async def run(self) -> None:
        """Checks every socket every so often."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.check_all()

    def check_all(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in list(self._sessions):
            try:
                reason = self._authority.why_over(session.channel.claims, time.time())
                _check(session, self._settings, now, reason, self._metrics)
            except Exception:
                # One socket's failure is no other's.
                logger.exception("socket %s failed", session.connection.id)
                session.connection.abort()

    async def push_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_interval_s)
            try:
                _push_heartbeat(list(self._sessions), self._settings, self._metrics)
            except Exception:
                logger.exception("heartbeats failed")


def _check(
    session: Session, settings: RelaySettings, now: float, over: str | None, metrics: Metrics
) -> None:
    """Closes a socket whose token no longer holds, drops a dead one, pings a quiet one.

    now: the loop's clock. over: why the token no longer holds, None when it does.
    """
    connection = session.connection
    if session.closing_since is not None:
        if now - session.closing_since > _CLOSE_TIMEOUT_S:
            connection.abort()
        return
    if over is not None:
        session.act(session.channel.expire(over))
        return
    # A peer that takes what is written is alive, however long the pong is under way.
    unsent = connection.unsent_bytes
    if unsent > settings.max_unsent_bytes:
        connection.dropped_for = "unread"
        connection.abort()
        return
    if unsent < session.unsent_before:
        session.moved_at = now
    session.unsent_before = unsent
    quiet_s = now - max(connection.last_received_at, session.moved_at)
    if quiet_s > settings.idle_timeout_s:
        connection.dropped_for = "idle"
        metrics.heartbeat_timeouts.inc()
        connection.abort()
    elif quiet_s > settings.ping_interval_s and now - session.pinged_at > settings.ping_interval_s:
        session.pinged_at = now
        # A ping behind unsent data would only add to it.
        if unsent == 0:
            connection.write_ping()


def _push_heartbeat(sessions: Iterable[Session], settings: RelaySettings, metrics: Metrics) -> None:
    """Pushes the server's heartbeat; sockets at the same positions share one message."""
    head = partial(frames.push_head, "sync:heartbeat")
    messages: dict[tuple[tuple[str, int], ...], SharedMessage] = {}
    for session in sessions:
        connection = session.connection
        if not (session.channel.joined and connection.is_open):
            continue
        if connection.unsent_bytes > settings.max_write_buffer_bytes:
            continue
        covered = tuple(session.covered())
        message = messages.get(covered)
        if message is None:
            body = strict_json.dumps(session.channel.heartbeat()).encode() + b"]"
            message = messages[covered] = SharedMessage(Opcode.TEXT, head, body)
        connection.write_shared(message, session.channel.join_ref)
        metrics.server_heartbeats.inc()
