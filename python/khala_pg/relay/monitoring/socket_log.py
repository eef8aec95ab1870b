"""One log line and one count for each socket, when it has ended."""

import logging

from websockets.frames import CloseCode

from khala_pg import logs
from khala_pg.auth.claims import Claims
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.metrics import Metrics

logger = logging.getLogger("khala.relay.sockets")

_BY_CODE = {
    CloseCode.PROTOCOL_ERROR: "protocol_error",
    CloseCode.INVALID_DATA: "invalid_text",
    CloseCode.POLICY_VIOLATION: "too_many_frames",
    CloseCode.MESSAGE_TOO_BIG: "too_big",
    CloseCode.INTERNAL_ERROR: "internal",
    CloseCode.SERVICE_RESTART: "drained",
    CloseCode.TRY_AGAIN_LATER: "flood",
    4401: "unauthorized",
}


def log_end(connection: RelayConnection, claims: Claims, metrics: Metrics, life_s: float) -> None:
    """The socket has ended, after that many seconds. `claims` are those it was opened with."""
    reason = _reason(connection)
    metrics.closed(reason)
    fields = {
        "socket": str(connection.id),
        "sub": logs.bounded(claims.subject),
        "org": logs.bounded(claims.org_id),
        "encoding": connection.encoding,
        "duration_s": round(life_s, 3),
        "reason": reason,
        "code": connection.close_code,
        "bytes": connection.sent_bytes,
        "updates": connection.sent_updates,
    }
    words = " ".join(f"{name}={value}" for name, value in fields.items() if name != "socket")
    logger.info("socket %s was open: %s", connection.id, words, extra={"fields": fields})


def _reason(connection: RelayConnection) -> str:
    if connection.dropped_for is not None:
        return connection.dropped_for
    protocol = connection.protocol
    if protocol.close_rcvd is not None and protocol.close_rcvd_then_sent is not False:
        return "client"
    if protocol.close_sent is not None:
        return _BY_CODE.get(protocol.close_sent.code, "other")
    return "lost"
