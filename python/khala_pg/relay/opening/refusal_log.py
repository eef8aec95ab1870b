"""Log of refused opening requests: each is counted, and logged unless there are many."""

import logging
import time
from collections.abc import Callable

from khala_pg.http.edge import Client
from khala_pg.http.rates import Bucket
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.opening.handshake import HandshakeError

logger = logging.getLogger("khala.relay.sockets")

_TOLD_PER_S = 2.0
_TOLD_AT_ONCE = 20


class RefusalLog:
    """Logs refusals; of a flood some of them, and the number of the others."""

    def __init__(self, metrics: Metrics, now: Callable[[], float] = time.monotonic) -> None:
        """now: a clock in seconds."""
        self._metrics = metrics
        self._now = now
        self._bucket = Bucket(_TOLD_PER_S, _TOLD_AT_ONCE)
        self._untold = 0

    def refused(self, client: Client, refusal: HandshakeError) -> None:
        self._metrics.refused(refusal.status)
        if self._bucket.take(self._now()) > 0:
            self._untold += 1
            return
        fields: dict[str, str | int] = {
            "address": client.ip,
            "status": refusal.status.value,
            "code": refusal.code,
        }
        if refusal.code == "unauthorized":
            # Other messages may name what the client made up.
            fields["why"] = str(refusal)
        if self._untold:
            fields["untold"] = self._untold
            self._untold = 0
        words = " ".join(f"{name}={value}" for name, value in fields.items())
        logger.info("no socket opened: %s", words, extra={"fields": fields})
