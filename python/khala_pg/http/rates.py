"""Token buckets, one per key in bounded memory. The caller passes the time."""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Lets `burst` things happen at once and `per_s` of them a second in the long run."""

    _per_s: float
    _burst: float
    _left: float = math.inf
    _at: float = 0.0

    def take(self, now: float) -> float:
        """Takes one, and returns 0; or takes none, and returns how long to wait in seconds."""
        left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_s)
        if left < 1.0:
            return (1.0 - left) / self._per_s
        self._left, self._at = left - 1.0, now
        return 0.0


class Buckets:
    """Lets each key do `burst` things at once and `per_s` of them a second in the long run."""

    def __init__(self, per_s: float, burst: float, max_keys: int = 10_000) -> None:
        """max_keys: how many keys are remembered; the one used longest ago is forgotten first."""
        self._per_s = per_s
        self._burst = burst
        self._max_keys = max_keys
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds that the key has to wait before it may take one; 0 when it may now."""
        left = self._now(key, now)
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_s

    def take(self, key: Hashable, now: float) -> float:
        """Takes one, and returns 0; or takes none, and returns how long to wait in seconds."""
        wait_s = self.wait_s(key, now)
        if wait_s == 0.0:
            self._left[key] = (self._now(key, now) - 1.0, now)
            self._left.move_to_end(key)
            if len(self._left) > self._max_keys:
                self._left.popitem(last=False)
        return wait_s

    def _now(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + max(0.0, now - at) * self._per_s)


class Queue:
    """One rate for all; a caller that comes too early gets the time to come back.

    Those turned away are remembered as a number only, and each is sent to a later moment than the
    one before: they come back spread out, at the pace at which they can be served. However many
    come, nobody is sent further away than `max_wait_s`: there the next round begins.
    """

    def __init__(self, per_s: float, burst: float, max_wait_s: float = 60.0) -> None:
        self._per_s = per_s
        self._max_wait_s = max(max_wait_s, 1.0 / per_s)
        self._bucket = Bucket(per_s, burst)
        self._room_at = 0.0

    def take(self, now: float) -> float:
        """Takes one, and returns 0; or returns in how many seconds to come back."""
        if self._bucket.take(now) == 0.0:
            return 0.0
        room_at = max(self._room_at, now) + 1.0 / self._per_s
        self._room_at = room_at if room_at <= now + self._max_wait_s else now + 1.0 / self._per_s
        return self._room_at - now
