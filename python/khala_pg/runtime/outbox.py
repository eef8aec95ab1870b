"""Outbox of a run's events: pure decisions, without a clock, thread or database.

At most one event is numbered and unacknowledged at a time; whatever happens meanwhile is
coalesced into the next one. So a database that is away for hours costs no memory, and an event
that may or may not have arrived is sent again under its number with the same content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from khala_pg.runtime.output import Progress


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the run: its place in the history, type, payload and moment."""

    seq: int
    type: str
    payload: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two run.progress, and without any event before a run.heartbeat."""

    progress: float = 0.25
    heartbeat: float = 10.0


class Outbox:
    """The events of one run, in order.

    Times called `now` are seconds of any one monotonic clock.
    """

    def __init__(self, started: Mapping[str, Any], at: datetime, pace: Pace) -> None:
        self._pace = pace
        self._pending: Event | None = Event(1, "run.started", started, at)
        self._seq = 1
        self._reported = Progress()
        self._progress_at = float("-inf")
        self._event_at = float("-inf")
        self._ending: tuple[str, Mapping[str, Any], datetime] | None = None
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether the last event has been acknowledged."""
        return self._ended and self._pending is None

    @property
    def reported_bytes(self) -> int:
        """The size of the output that the events so far report."""
        return self._reported.bytes

    def finish(self, kind: str, payload: Mapping[str, Any], at: datetime) -> None:
        """The command has ended: the next event is the last, run.finished or run.cancelled."""
        self._ending = (kind, payload, at)

    def next_event(self, progress: Progress, now: float) -> Event | None:
        """The event to send now, the unacknowledged one first; None when none is due."""
        if self._pending is None and not self._ended:
            if self._ending is not None:
                self._ended = True
                self._number(*self._ending, now)
            elif self._progress_due(progress, now) <= 0:
                self._reported, self._progress_at = progress, now
                self._number("run.progress", progress.payload(), datetime.now(UTC), now)
            elif now - self._event_at >= self._pace.heartbeat:
                self._number("run.heartbeat", {}, datetime.now(UTC), now)
        return self._pending

    def wait(self, progress: Progress, now: float) -> float:
        """Seconds until `next_event` has one, if nothing changes; 0 or less: at once."""
        if self._pending is not None or self._ending is not None:
            return 0
        heartbeat = self._event_at + self._pace.heartbeat - now
        return min(heartbeat, self._progress_due(progress, now))

    def acknowledge(self, now: float) -> None:
        """The database has the event that `next_event` gave."""
        self._pending = None
        self._event_at = now

    def unsent(self) -> list[Event]:
        """The last events, which the database may not have, once the command has ended."""
        events = [] if self._pending is None else [self._pending]
        if self._ending is not None and not self._ended:
            events.append(Event(self._seq + 1, *self._ending))
        return events

    def _progress_due(self, progress: Progress, now: float) -> float:
        if progress.bytes == self._reported.bytes:
            return float("inf")
        return self._progress_at + self._pace.progress - now

    def _number(self, kind: str, payload: Mapping[str, Any], at: datetime, now: float) -> None:
        self._seq += 1
        self._event_at = now
        self._pending = Event(self._seq, kind, payload, at)
