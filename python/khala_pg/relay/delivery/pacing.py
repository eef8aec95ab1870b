"""Rests of live feeds between two pulls. Pure: times in, a rest out.

As network drivers do: what comes alone is delivered at once, and what comes faster than it can be
fetched one by one is fetched together. All feeds of a relay share a pacer, for it is the relay that
is busy: eight topics that move as often as one may each, together are eight times the work.
"""

import math

# What may pass while updates are pulled one by one. Each takes a call more, which asks to be woken,
# and the database as long as the relay: a quarter of the time is a core that does little else.
_BUSY_SHARE = 0.25
# A pull takes what the shortest of late took: longer ones waited for a processor or each other.
_FORGETTING = 1.02


class Pacer:
    """Hears of each page that brought a feed to the head.

    Keeps what one pull for each update would have taken, less the share of the time since then that
    this may take. Feeds rest while more than that is left over.
    """

    def __init__(self, max_rest_s: float) -> None:
        """max_rest_s: no update waits longer for a feed that rests; 0: none ever does."""
        self._max_rest_s = max_rest_s
        # What may be owed without a rest, so that a few updates at once make none.
        self._spare_s = max_rest_s / 2
        self._pull_s = math.inf
        self._owed_s = 0.0
        self._told_at = 0.0

    def rest_s(self, now: float, updates: int, gap_s: float, took_s: float) -> float:
        """Seconds that the feed rests before it looks again; 0: not at all, it may ask to be woken.

        now: of a clock that all feeds share. updates: how many the page had. gap_s: since the
        feed's page before it. took_s: from asking for the page to having it.
        """
        self._owed_s = max(0.0, self._owed_s - _BUSY_SHARE * (now - self._told_at))
        self._told_at = now
        self._pull_s = min(self._pull_s * _FORGETTING, took_s)
        # A page may be one transaction's: there cannot have been more pulls than there was time.
        self._owed_s += min(updates * self._pull_s, gap_s)
        # What is owed beyond that is forgiven: a rest ends soon after its reason.
        self._owed_s = min(self._owed_s, self._spare_s + self._max_rest_s)
        if gap_s > 2 * self._max_rest_s:
            # However busy others are, here a rest would end without anything to fetch.
            return 0.0
        return min(max(0.0, self._owed_s - self._spare_s), self._max_rest_s)
