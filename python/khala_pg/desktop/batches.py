"""Batches of news on their way from the follower's thread to Qt.

Ten a second at most, one at a time, and none while nothing changes. What Qt has not taken yet slows
the client down, and so the socket: memory does not grow.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from khala_pg.client import Change, Document, Status
from khala_pg.desktop.credentials import Lane

_BATCH_S = 0.1
_MOST_WAITING = 5_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A change. is_news: it happened now or since the last time, and is no part of a snapshot."""

    change: Change
    is_news: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes over at once. loaded: documents that replace all others, before the changes.

    failure: why the follower has ended for good.
    """

    status: Status
    lane: Lane
    loaded: Sequence[Document] | None
    changes: Sequence[Seen]
    failure: Exception | None


class Batches:
    """Belongs to the event loop that it is made in."""

    def __init__(self, send: Callable[[Batch], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._send = send
        self._status = Status()
        self._lane: Lane = "khala"
        self._loaded: Sequence[Document] | None = None
        self._changes: list[Seen] = []
        self._failure: Exception | None = None
        self._is_on_the_way = False
        self._is_changed = False
        self._timer: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()

    def status(self, status: Status) -> None:
        """The client's status is another one."""
        self._status = status
        self._arm()

    def lane(self, lane: Lane) -> None:
        """The surface's lane is another one."""
        self._lane = lane
        self._arm()

    def load(self, documents: Sequence[Document]) -> None:
        """These documents replace all others."""
        self._loaded, self._changes = documents, []
        self._arm()

    def fail(self, failure: Exception) -> None:
        """The follower ends for good."""
        self._failure = failure
        self._flush()

    async def change(self, seen: Seen) -> None:
        """A document changed. Waits while too many others do."""
        while len(self._changes) >= _MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        self._changes.append(seen)
        self._arm()

    def taken(self) -> None:
        """Qt has dealt with the last batch."""
        self._is_on_the_way = False
        if self._is_changed:
            self._arm()

    def _arm(self) -> None:
        self._is_changed = True
        if self._timer is None and not self._is_on_the_way:
            self._timer = self._loop.call_later(_BATCH_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = Batch(self._status, self._lane, self._loaded, self._changes, self._failure)
        self._loaded, self._changes = None, []
        self._is_changed, self._is_on_the_way = False, True
        self._room.set()
        self._send(batch)
