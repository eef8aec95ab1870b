"""The live feed of one topic: one pull a wake-up, for every reader at the head."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.errors import RefusedError, StaleCursorError, UnavailableError
from khala_pg.relay.connection import broadcast
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.audience import Audience
from khala_pg.relay.delivery.lanes import Lane
from khala_pg.relay.delivery.pacing import Pacer
from khala_pg.relay.delivery.reader import Reader
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.lag import LagSampler
from khala_pg.relay.monitoring.tracing import DeliveredPage, PageTracer
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import feed as sqlapi
from khala_pg.sqlapi.calls import Connection

logger = logging.getLogger("khala.relay.feed")

# Between a page that did not arm and the pull that does. What follows at once takes the processor
# from those who read the page: on two cores they had it 0.4 ms later.
_BREATH_S = 0.001


@dataclass(frozen=True, slots=True)
class _Pulled:
    """A page, where and in which lengths of marks it was asked for, and the times of its request
    and response."""

    page: sqlapi.FeedPage
    at: sqlapi.Position
    asked_at: float
    answered_at: float


@dataclass(eq=False)
class TopicFeed:
    """Pulls a topic from one position on and writes each page to all its readers.

    Attaching and writing are synchronous, so there is no moment between "has caught up" and "is
    live" in which an update could be missed or given twice.

    name: the name its readers use for the topic, which its updates carry; topic: its own name.
    lane: the form in which its readers want updates.
    is_asleep: whether it waits to be woken.
    """

    name: str
    topic: str
    epoch: str
    lane: Lane
    _audience: Audience[Reader]
    _database: Database
    _settings: RelaySettings
    _metrics: Metrics
    _lag: LagSampler
    _pacer: Pacer
    """Shared by all feeds of the relay."""
    _tracer: PageTracer | None
    _on_end: Callable[["TopicFeed"], None]
    """Called when the feed takes no more readers."""
    is_asleep: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _polled: bool = False
    _woken_by: str = "busy"
    _busy_delay_s: float = 0.0
    _page_at: float = -math.inf
    _rest_s: float = 0.0
    _arms: bool = True

    @property
    def position(self) -> int:
        """The watermark that the topic has been pulled to."""
        return self._audience.position

    def wake(self, *, polled: bool = False) -> None:
        """There may be something new; polled: nothing says so, it is only looked at."""
        self._polled = polled and self.is_asleep and not self._wake.is_set()
        self._wake.set()

    def attach(self, reader: Reader, position: int) -> bool:
        """Takes a reader that has been given everything up to the position.

        False when the feed is past it already: the reader has to replay once more.
        """
        if not self._audience.add(reader, reader.org_id, position, reader.subset):
            return False
        if position > self._audience.position:
            self._wake.set()
        return True

    def detach(self, reader: Reader) -> int:
        """Lets a reader go; the result is the position it has been given everything up to."""
        position = self._audience.position_of(reader)
        self._audience.discard(reader, reader.org_id, reader.subset)
        if not self._audience:
            self._on_end(self)
            self._wake.set()
        return position

    def position_of(self, reader: Reader) -> int:
        """The watermark that an attached reader has been given everything up to."""
        return self._audience.position_of(reader)

    async def run(self) -> None:
        """Feeds the readers until there are none; raises nothing."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        try:
            while self._audience:
                try:
                    await self._turn()
                except UnavailableError as error:
                    self._metrics.replay_failed(error)
                    # The listener's connection may find out first that the database is back.
                    self._wake.clear()
                    await set_within(self._wake, backoff.next_s())
                else:
                    backoff.reset()
        except RefusedError as error:
            self._metrics.replay_failed(error)
            self._refuse(error)
        except Exception as error:
            self._metrics.replay_failed(error)
            logger.exception("the feed of topic %s failed", self.name)
            for reader in self._dismiss():
                reader.fail()

    async def _turn(self) -> None:
        """Delivers what there is, and returns when it is time to pull again."""
        self._wake.clear()
        arms, self._arms, self._rest_s = self._arms, True, 0.0
        asked_at = time.monotonic()
        armed = None
        if arms:
            armed = await self._database.call(self._pull_and_arm, asked_at)
        else:
            await self._catch_up()
        self._polled, self._woken_by = False, "busy"
        if self._rest_s:
            # What comes as fast as this is fetched together, and its writers need wake nobody.
            await asyncio.sleep(self._rest_s)
        elif armed is None:
            if time.monotonic() - self._page_at < _BREATH_S:
                await asyncio.sleep(_BREATH_S)
        elif not self._audience or armed.head_watermark != self.position:
            return
        elif armed.state == "busy":
            # A writer holds the topic's row, so asking to be woken would mean to wait for it. Its
            # commit is near: look again soon, and ever less often if it is not.
            delay_s = max(self._busy_delay_s, self._settings.min_busy_delay_s)
            await asyncio.sleep(delay_s)
            self._busy_delay_s = min(delay_s * 2, self._settings.max_busy_delay_s)
        else:
            self.is_asleep = True
            await self._wake.wait()
            self.is_asleep = False
            self._woken_by = "poll" if self._polled else "notification"

    async def _pull_and_arm(self, connection: Connection, asked_at: float) -> sqlapi.Armed:
        """Delivers a page while the database arms, which takes 0.1 ms of its way.

        Where the connection breaks between them, the second try begins behind what was delivered.
        """
        at = self._from(self.position)

        def deliver(page: sqlapi.FeedPage) -> None:
            self._deliver(_Pulled(page, at, asked_at, time.monotonic()))

        return await sqlapi.pull_and_arm(connection, at, deliver)

    async def _catch_up(self) -> None:
        """Delivers page after page up to the head, or to one that lacks marks."""
        pulled = await self._pull(self.position)
        while pulled is not None:
            if pulled.page.complete or not self._audience:
                self._deliver(pulled)
                return
            pulled = await self._deliver_and_pull(pulled)

    async def _pull(self, after: int) -> _Pulled | None:
        asked_at, at = time.monotonic(), self._from(after)
        page = await self._database.call(sqlapi.pull, at)
        return None if page is None else _Pulled(page, at, asked_at, time.monotonic())

    def _from(self, after: int) -> sqlapi.Position:
        return sqlapi.Position(
            self.lane.encoding,
            self.name,
            after,
            self._settings.max_batch_updates,
            self._settings.max_batch_bytes,
            self.epoch,
            self._audience.lengths,
        )

    async def _deliver_and_pull(self, pulled: _Pulled) -> _Pulled | None:
        """Has the database read the next page while this one is written."""
        following = asyncio.create_task(self._pull(pulled.page.next_watermark))
        try:
            # The question goes out when the task starts.
            await asyncio.sleep(0)
            return await following if self._deliver(pulled) else None
        finally:
            following.cancel()

    def _deliver(self, pulled: _Pulled) -> bool:
        """Delivers a page and accounts for it.

        False, and nothing done, if a reader of another subset came while it was on its way: it
        lacks marks, and has to be pulled again.
        """
        if not self._audience.lengths <= pulled.at.lengths:
            return False
        page = pulled.page
        if self._polled:
            self._metrics.lost_wake_ups.inc()
        self._busy_delay_s = 0.0
        readers = self._distribute(page)
        now = time.monotonic()
        if self._tracer is not None:
            written_at_ns = time.time_ns()
            self._tracer.delivered(
                DeliveredPage(
                    topic=self.topic,
                    encoding=self.lane.encoding,
                    after=pulled.at.after,
                    until=page.next_watermark,
                    updates=len(page.rows),
                    readers=readers,
                    woken_by=self._woken_by,
                    asked_at_ns=written_at_ns - round((now - pulled.asked_at) * 1e9),
                    answered_at_ns=written_at_ns - round((now - pulled.answered_at) * 1e9),
                    written_at_ns=written_at_ns,
                )
            )
        self._polled, self._woken_by = False, "busy"
        gap_s, self._page_at = now - self._page_at, now
        updates = page.next_watermark - pulled.at.after
        rest_s = self._pacer.rest_s(now, updates, gap_s, pulled.answered_at - pulled.asked_at)
        self._rest_s = rest_s if page.complete else 0.0
        self._arms = page.complete and not rest_s
        return True

    def _distribute(self, page: sqlapi.FeedPage) -> int:
        """Writes the page to whom it concerns; to how many that was."""
        slow: list[Reader] = []
        served = 0
        sent_updates = sent_bytes = 0
        for seen, readers in self._audience.views(page.rows):
            message = self.lane.batch_message([row.update for row in seen], page.tail)
            full = broadcast(readers, message, self._settings.max_write_buffer_bytes)
            slow += full
            taken = len(readers) - len(full)
            served += taken
            sent_updates += taken * message.updates
            sent_bytes += taken * len(message)
        self._metrics.live_updates.inc(sent_updates)
        self._metrics.live_bytes.inc(sent_bytes)
        self._metrics.feed_pages.inc()
        self._metrics.slow_episodes.inc(len(slow))
        self._lag.delivered(self.topic, page.rows[0].watermark)
        positions = [(reader, self._audience.position_of(reader)) for reader in slow]
        for reader, position in positions:
            self._audience.discard(reader, reader.org_id, reader.subset)
            reader.fall_back(position)
        self._audience.advance(page.next_watermark)
        if not self._audience:
            self._on_end(self)
        return served

    def _refuse(self, error: RefusedError) -> None:
        level = self._audience.position
        positions = [(reader, self._audience.position_of(reader)) for reader in self._audience]
        self._dismiss()
        for reader, position in positions:
            # What holds for the feed's position need not hold for a reader's further on.
            if isinstance(error, StaleCursorError) and position > level:
                reader.fall_back(position)
            else:
                reader.refuse(error, position)

    def _dismiss(self) -> list[Reader]:
        readers = list(self._audience)
        for reader in readers:
            self._audience.discard(reader, reader.org_id, reader.subset)
        self._on_end(self)
        return readers
