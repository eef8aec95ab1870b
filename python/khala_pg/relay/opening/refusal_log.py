"""Log of refused requests: each is counted, and logged unless there are many."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from khala_pg import logs
from khala_pg.http.rates import Bucket
from khala_pg.relay.opening.handshake import HandshakeError

logger = logging.getLogger("khala.relay.sockets")

_TOLD_PER_S = 2.0
_TOLD_AT_ONCE = 20


class RefusalLog:
    """Logs refusals; of a flood some of them, and the number of the others."""

    def __init__(
        self,
        message: str,
        count: Callable[[int], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """count: takes the status of each. now: a clock in seconds."""
        self._message = message
        self._count = count
        self._now = now
        self._bucket = Bucket(_TOLD_PER_S, _TOLD_AT_ONCE)
        self._untold = 0

    def refused(self, address: str, refusal: HandshakeError) -> None:
        # Other messages may name what the client made up.
        why = str(refusal) if refusal.code == "unauthorized" else ""
        self.note(address, refusal.status, refusal.code, why)

    def note(self, address: str, status: HTTPStatus, code: str, why: str = "") -> None:
        self._count(status)
        if self._bucket.take(self._now()) > 0:
            self._untold += 1
            return
        fields: dict[str, str | int] = {"address": address, "status": status.value, "code": code}
        if why:
            fields["why"] = logs.bounded(why)
        if self._untold:
            fields["untold"] = self._untold
            self._untold = 0
        words = " ".join(f"{name}={value}" for name, value in fields.items())
        logger.info("%s: %s", self._message, words, extra={"fields": fields})
