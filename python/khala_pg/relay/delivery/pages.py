"""Pages of replay, read and put together once for all subscriptions that need the same.

After an outage a thousand sockets come back from where they all were: they ask for the same pages
of the same organisation within moments of each other. A socket that asks while a page is being
read, or shortly after, gets what the first one got. A page is that moment older then; so is one
whose socket was slow to take it, and what it lacks comes by the next page or the live feed as ever.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from khala_pg.concurrency.single_flight import SingleFlight
from khala_pg.errors import KhalaError
from khala_pg.relay.connection import SharedMessage
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.lanes import Lane
from khala_pg.relay.delivery.subset import Subset
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.relay.pages")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Key of a page."""

    lane: Lane
    name: str
    after: int
    org_id: str
    max_updates: int
    epoch: str
    compact: bool
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class SharedPage:
    """A page of replay as the message that carries it."""

    message: SharedMessage
    updates: int
    next_watermark: int
    complete: bool
    read_at: float

    def suits(self, head: int) -> bool:
        """Whether a subscriber that knows of that head may have it: it must not end before."""
        return not self.complete or self.next_watermark >= head


@dataclass
class Pages:
    """The pages that are being read, and those that have just been."""

    _settings: RelaySettings
    _database: Database
    _on_read: Callable[[], None]
    """Called for every page that is requested of the database."""
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    _reading: SingleFlight[Wanted, SharedPage | None] = field(default_factory=SingleFlight)
    _kept: OrderedDict[Wanted, SharedPage] = field(default_factory=OrderedDict)
    _kept_bytes: int = 0

    def __post_init__(self) -> None:
        # However many catch up, feeds and requests get a connection. First come, first served.
        self._slots = asyncio.Semaphore(max(1, self._settings.pool_size - 2))

    async def get(
        self, wanted: Wanted, head: int, is_needed: Callable[[], bool]
    ) -> SharedPage | None:
        """The page; None when it was no longer needed when its turn came.

        head: as announced to the subscriber: the last page reaches it.

        Raises what the call of the database raises.
        """
        self._forget_old(asyncio.get_running_loop().time())
        while True:
            page = self._kept.get(wanted)
            if page is not None and page.suits(head):
                return page
            is_first = wanted not in self._reading
            found = await self._reading.run(wanted, lambda: self._read(wanted, is_needed))
            if is_first or (found is not None and found.suits(head)):
                return found
            # It was requested too early, or the socket that requested it went away.

    async def expect(self, wanted: Wanted, head: int, is_needed: Callable[[], bool]) -> None:
        """Has a page read that is going to be asked for, so that it is there or on its way by then.

        Returns when the database has been asked; asks for nothing when others wait to ask, or the
        page might not be kept.
        """
        kept = self._kept.get(wanted)
        if (kept and kept.suits(head)) or wanted in self._reading or self._slots.locked():
            return
        # One page may be in use and one ahead; a single update can be larger than a page should be.
        if self._settings.max_shared_page_bytes < 4 * self._settings.max_batch_bytes:
            return
        self._spawn(self._read_ahead(wanted, is_needed))
        # That task starts the one that asks.
        for _ in range(2):
            await asyncio.sleep(0)

    async def _read_ahead(self, wanted: Wanted, is_needed: Callable[[], bool]) -> None:
        # A socket that needs the page asks again when there is none, and gets the error.
        try:
            await self._reading.run(wanted, lambda: self._read(wanted, is_needed))
        except KhalaError:
            return
        except Exception:
            logger.exception("a page of topic %s could not be read ahead", wanted.name)

    async def _read(self, wanted: Wanted, is_needed: Callable[[], bool]) -> SharedPage | None:
        found = await self._ask(wanted, is_needed)
        # One that leads nowhere would be asked for again at once, and has to be read then.
        if found is not None and found.next_watermark != wanted.after:
            self._keep(wanted, found)
        return found

    async def _ask(self, wanted: Wanted, is_needed: Callable[[], bool]) -> SharedPage | None:
        async with self._slots:
            if not is_needed():
                return None
            self._on_read()
            read_at = asyncio.get_running_loop().time()
            page = await self._database.call(
                sqlapi.replay,
                wanted.lane.encoding,
                wanted.name,
                wanted.after,
                wanted.org_id,
                wanted.max_updates,
                self._settings.max_batch_bytes,
                wanted.epoch,
                wanted.compact,
                None if wanted.subset is None else wanted.subset.text,
            )
        message = wanted.lane.page_message(page.page, page.updates)
        return SharedPage(message, page.updates, page.next_watermark, page.complete, read_at)

    def _keep(self, wanted: Wanted, page: SharedPage) -> None:
        replaced = self._kept.pop(wanted, None)
        if replaced is not None:
            self._kept_bytes -= len(replaced.message)
        self._kept[wanted] = page
        self._kept_bytes += len(page.message)
        while self._kept_bytes > self._settings.max_shared_page_bytes:
            self._drop_oldest()

    def _forget_old(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now - oldest.read_at < self._settings.max_shared_page_age_s:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, page = self._kept.popitem(last=False)
        self._kept_bytes -= len(page.message)
