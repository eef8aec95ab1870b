"""Delays between tries: exponential, with full jitter, so that clients that lost the same server do
not come back together."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays in seconds, each drawn evenly from 0 to `base` doubled by each try, at most `cap`."""

    base: float = 0.25
    cap: float = 30.0
    _tries: int = field(default=0, init=False)

    def ceiling(self, attempt: int) -> float:
        """The longest delay before try number `attempt`; 0 is the first retry."""
        # 2**62 is past any cap worth having, and keeps the power from overflowing a float.
        return min(self.cap, self.base * 2.0 ** min(attempt, 62))

    def delay(
        self, attempt: int, *, at_least: float = 0.0, rand: Callable[[], float] = random.random
    ) -> float:
        """The delay before try number `attempt`, on top of what the server requested."""
        return at_least + rand() * self.ceiling(attempt)

    def next_s(self) -> float:
        """The delay before the next try in a row."""
        self._tries += 1
        return self.delay(self._tries - 1)

    def reset(self) -> None:
        """Ends the row: the last try went well."""
        self._tries = 0
