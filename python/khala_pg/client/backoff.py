"""How long to wait before the next try: exponential, with full jitter."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits drawn evenly from [0, min(cap, base * 2^attempt)], so that clients that lost the same
    server do not come back together."""

    base: float = 0.25
    """The upper end of the first wait, in seconds."""
    cap: float = 30.0
    """The upper end of every wait, in seconds."""

    def ceiling(self, attempt: int) -> float:
        """The longest wait before try number `attempt` (0 is the first retry), in seconds."""
        # 2**62 is past any cap worth having, and keeps the power from overflowing a float.
        return min(self.cap, self.base * 2.0 ** min(attempt, 62))

    def delay(
        self, attempt: int, *, at_least: float = 0.0, rand: Callable[[], float] = random.random
    ) -> float:
        """The wait before try number `attempt`, in seconds.

        `at_least` is a wait the server asked for: the jitter is added to it.
        """
        return at_least + rand() * self.ceiling(attempt)
