"""Results of deliveries, and what a response over HTTP says about one."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

_BAD_GATEWAY_AND_UP = 500
_MAX_RETRY_AFTER_S = 86400.0
# Request timeout, too early, too many requests.
TRANSIENT_STATUSES = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one try.

    outcome: delivered; failed: another try may help; refused: none will. retry_after_s: seconds
    that the system asked for before another try.
    """

    outcome: Literal["delivered", "failed", "refused"]
    error: str = ""
    retry_after_s: float = 0.0


DELIVERED = Result("delivered")


def is_transient(status: int) -> bool:
    """Whether the same request may be accepted later."""
    return status in TRANSIENT_STATUSES or status >= _BAD_GATEWAY_AND_UP


def retry_after_s(value: str | None) -> float:
    """Seconds that a header Retry-After names, as a number or a date, at most a day; 0 for none or
    nonsense."""
    if value is None:
        return 0.0
    if re.fullmatch(r"[0-9]+", value.strip(), re.ASCII):
        return min(float(value), _MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), _MAX_RETRY_AFTER_S)
