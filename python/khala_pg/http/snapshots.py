"""Snapshot pages that many ask for at once, read once for all of them.

After a new epoch every client reads its topics anew: the same pages of the same organisation. The
first few that ask for a page within a moment get it as it is then, so that a program sees what it
has just written; those that come while one of them waits for another's read share its read, which
is not older than they are. Further ones share what was read in that moment, if the epoch is still
the same. A subscription from the page's watermark brings what it lacks.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from khala_pg.concurrency.single_flight import SingleFlight

FEW = 10
"""So many requests for one page within `max_age_s` read it themselves."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Key of a page. The scopes decide whether there is one at all, and what it may hold.

    filter: what narrows it, as in a subscribe request, as JSON; None: nothing.
    newest: whether it holds the documents that changed last, newest first.
    """

    topic: str
    org_id: str
    scopes: tuple[str, ...]
    after_doc_key: str | None
    limit: int
    watermark: int | None
    filter: str | None = None
    newest: bool = False


class Body:
    """A finished response, and the epoch in force before it was read, if it depends on one."""

    __slots__ = ("content", "epoch", "etag")

    def __init__(self, content: bytes, epoch: str = "") -> None:
        self.content = content
        self.epoch = epoch
        self.etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@dataclass(slots=True)
class _Demand:
    """Demand for a page: requests since a moment, and its body if it was read."""

    since: float
    asked: int = 0
    body: Body | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedSnapshots:
    """The pages that are being read, and those that have just been."""

    def __init__(
        self,
        read: Callable[[Wanted], Awaitable[Body]],
        read_epoch: Callable[[], Coroutine[Any, Any, str]],
        max_age_s: float,
        max_bytes: int,
    ) -> None:
        """
        read, read_epoch: ask the database for a page, and for the epoch in force.
        max_age_s: 0 shares nothing. max_bytes: of all pages kept.
        """
        self._read = read
        self._read_epoch = read_epoch
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        # In the order of `since`.
        self._demands: dict[Wanted, _Demand] = {}
        self._waiting: SingleFlight[Wanted, Body] = SingleFlight()
        self._reading: SingleFlight[tuple[Wanted, str], Body] = SingleFlight()
        self._epochs: SingleFlight[None, str] = SingleFlight()
        self._kept_bytes = 0

    async def get(self, wanted: Wanted) -> Body:
        """The page. Raises what `read` and `read_epoch` raise."""
        now = asyncio.get_running_loop().time()
        self._forget(now)
        demand = self._demands.get(wanted)
        if demand is None:
            demand = self._demands[wanted] = _Demand(now)
        demand.asked += 1
        if not self._max_age_s:
            return await self._read(wanted)
        if demand.asked <= FEW:
            return await self._waiting.run(wanted, lambda: self._read_in_turn(wanted, demand))
        # A page of another epoch would be refused as stale, and read again, as long as it is kept.
        epoch = await self._epochs.run(None, self._read_epoch)
        if demand.body is not None and demand.body.epoch == epoch:
            return demand.body
        return await self._reading.run((wanted, epoch), lambda: self._read_anew(wanted, demand))

    async def _read_in_turn(self, wanted: Wanted, demand: _Demand) -> Body:
        async with demand.turn:
            # Whoever comes from now on may have written something that this one does not see.
            self._waiting.release(wanted)
            return await self._read_anew(wanted, demand)

    async def _read_anew(self, wanted: Wanted, demand: _Demand) -> Body:
        body = await self._read(wanted)
        if self._demands.get(wanted) is demand:
            self._kept_bytes += len(body.content) - _size(demand)
            demand.body = body
            while self._kept_bytes > self._max_bytes:
                self._drop_oldest()
        return body

    def _forget(self, now: float) -> None:
        while self._demands:
            oldest = next(iter(self._demands.values()))
            if now - oldest.since < self._max_age_s:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._demands.pop(next(iter(self._demands)))
        self._kept_bytes -= _size(oldest)


def _size(demand: _Demand) -> int:
    return 0 if demand.body is None else len(demand.body.content)
