"""How long to wait before trying again: exponential with full jitter."""

import random


class Backoff:
    """Delays in seconds, each drawn between 0 and a bound that doubles up to `max_s`."""

    def __init__(self, max_s: float, first_s: float = 0.1) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._bound_s = first_s

    def next_s(self) -> float:
        """The next delay."""
        bound_s = min(self._bound_s, self._max_s)
        self._bound_s = min(self._bound_s * 2, self._max_s)
        return random.uniform(0, bound_s)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """It worked: the next failure starts anew."""
        self._bound_s = self._first_s
