"""What is done for every socket now and then, in one pass over all of them."""

from collections.abc import Callable, Iterable

from khala_pg.keyring import Claims
from khala_pg.relay.connection import SharedMessage
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.session import Session
from khala_pg.relay.settings import RelaySettings

_CLOSE_TIMEOUT_S = 5.0

WhyOver = Callable[[Claims], str | None]


def tend(
    session: Session, settings: RelaySettings, now: float, why_over: WhyOver, metrics: Metrics
) -> None:
    """Closes a socket whose token no longer holds, drops a dead one, pings a quiet one.

    now: the loop's clock.
    why_over: why a token no longer holds, None when it does.
    """
    connection = session.connection
    if session.closing_since is not None:
        if now - session.closing_since > _CLOSE_TIMEOUT_S:
            connection.abort()
        return
    reason = why_over(session.channel.claims)
    if reason is not None:
        session.act(session.channel.expire(reason))
        return
    # Whoever takes what is written is alive, however long the answer to a ping is under way.
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


def beat(sessions: Iterable[Session], settings: RelaySettings, metrics: Metrics) -> None:
    """Pushes the server's heartbeat; sockets at the same positions share one message."""
    messages: dict[tuple[tuple[str, int], ...], SharedMessage] = {}
    for session in sessions:
        connection = session.connection
        if not session.channel.joined or connection.unsent_bytes > settings.max_write_buffer_bytes:
            continue
        covered = tuple(session.covered())
        message = messages.get(covered)
        if message is None:
            message = messages[covered] = SharedMessage(session.channel.heartbeat_text())
        connection.write_shared(message)
        metrics.server_heartbeats.inc()
