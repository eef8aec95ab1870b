"""Health of a relay's way to its database: one state, which readiness, log and metrics show.

Two things are tried again and again: that a page can be replayed, and that wake-ups are heard. One
failure says little: a connection that was ended, a transaction in the way. A thing counts as failed
once it has failed for a while, at least twice, and as good again after one success.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from khala_pg.errors import KhalaError, ReadOnlyError, UnavailableError

logger = logging.getLogger("khala.relay.database")

_BELIEVED_AFTER_S = 1.0


class State(StrEnum):
    """State of a relay's way to its database.

    connecting: not everything is proven yet; degraded: the database responds, but does not let the
    relay work, or wake-ups are not heard; away: the database does not respond.
    """

    CONNECTING = "connecting"
    SERVING = "serving"
    DEGRADED = "degraded"
    AWAY = "away"


@dataclass(slots=True)
class Trial:
    """Outcomes of one thing that is tried again and again.

    failure: the reason why it counts as failed; is_good: whether it counts as good. Neither:
    nothing is known yet.
    """

    _now: Callable[[], float]
    is_good: bool = False
    failure: KhalaError | None = None
    _failing_since: float | None = None

    def succeed(self) -> None:
        self.excuse()
        self.is_good = True

    def fail(self, error: KhalaError) -> None:
        now = self._now()
        if self._failing_since is None:
            self._failing_since = now
        elif self.failure is not None or now - self._failing_since >= _BELIEVED_AFTER_S:
            self.is_good, self.failure = False, error

    def excuse(self) -> None:
        """Failures so far say nothing."""
        self.failure, self._failing_since = None, None


@dataclass
class Health:
    """State that the outcomes of both trials add up to; a line in the log for each change.

    on_serving: called each time when it begins to serve.
    """

    _on_serving: Callable[[], None] = lambda: None
    _now: Callable[[], float] = time.monotonic
    _shown: tuple[State, str] = (State.CONNECTING, "")
    _left_at: float | None = None
    _proof: Trial = field(init=False)
    _hearing: Trial = field(init=False)

    def __post_init__(self) -> None:
        self._proof, self._hearing = Trial(self._now), Trial(self._now)

    def proven(self) -> None:
        """A page was replayed."""
        if not self._proof.is_good:
            # While the database failed nothing could be heard, which says nothing about hearing.
            self._hearing.excuse()
        self._proof.succeed()
        self._show()

    def not_proven(self, error: KhalaError) -> None:
        """No page could be replayed; UnavailableError itself: the database did not respond."""
        self._proof.fail(error)
        self._show()

    def heard(self) -> None:
        """A notification that this relay sent to itself came back."""
        self._hearing.succeed()
        self._show()

    def not_heard(self, error: KhalaError) -> None:
        """There is no connection that listens, or it hears nothing."""
        self._hearing.fail(error)
        self._show()

    @property
    def hears(self) -> bool:
        """Whether wake-ups are heard."""
        return self._hearing.is_good

    @property
    def state(self) -> State:
        """The state now."""
        failure = self._proof.failure
        if failure is not None:
            return State.AWAY if type(failure) is UnavailableError else State.DEGRADED
        if self._proof.is_good and self._hearing.failure is not None:
            return State.DEGRADED
        if self._proof.is_good and self._hearing.is_good:
            return State.SERVING
        return State.CONNECTING

    @property
    def why_unready(self) -> str | None:
        """The reason not to serve, without names that are nobody's business; None when serving."""
        match self.state, self._proof.failure:
            case State.SERVING, _:
                return None
            case State.AWAY, _:
                return "the database cannot be reached"
            case State.DEGRADED, ReadOnlyError() as failure:
                return str(failure)
            case State.DEGRADED, None:
                return "wake-ups from the database are not heard: the relay's log says why"
            case State.DEGRADED, _:
                return "the database does not let this relay work: the relay's log says why"
        if not self._proof.is_good:
            return "the database has not been reached yet"
        return "it is not proven yet that wake-ups from the database are heard"

    def _show(self) -> None:
        state, failure = self.state, self._proof.failure or self._hearing.failure
        # How a server cannot be reached changes while it starts; the reasons of others are news.
        shown = (state, str(failure) if state is State.DEGRADED else "")
        if shown == self._shown or state is State.CONNECTING:
            return
        self._shown = shown
        if state is State.SERVING:
            self._show_serving()
            return
        self._left_at = self._now() if self._left_at is None else self._left_at
        reason = " ".join(str(failure).split())
        if state is State.AWAY:
            logger.warning("the database is away, trying again until it is back: %s", reason)
        elif self._proof.failure is None:
            logger.warning("wake-ups are not heard, updates come late: %s", reason)
        else:
            logger.error("this relay cannot serve: %s. %s", reason, self._proof.failure.hint)

    def _show_serving(self) -> None:
        if self._left_at is None:
            logger.info("the database responds and wake-ups are heard: ready")
        else:
            logger.warning("the database is back after %.0f s: ready", self._now() - self._left_at)
        self._left_at = None
        self._on_serving()
