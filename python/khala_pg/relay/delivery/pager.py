"""Catching up: pages of replay for the subscriptions of one socket that are behind.

A socket holds at most one page: the next is written when the socket has taken the one before,
however slow others are. What is read ahead meanwhile, one page at most, counts towards what all
sockets share. The database connection is given back before anything is written.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import RefusedError, UnavailableError
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.checks import Checks
from khala_pg.relay.delivery.feeds import Feeds
from khala_pg.relay.delivery.pages import Pages, Wanted
from khala_pg.relay.delivery.subscription import Subscription
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.settings import RelaySettings

logger = logging.getLogger("khala.relay.pager")


@dataclass(frozen=True, slots=True)
class Supply:
    """Parts that all sockets of a relay share."""

    settings: RelaySettings
    database: Database
    feeds: Feeds
    checks: Checks
    pages: Pages
    metrics: Metrics


@dataclass(slots=True, eq=False)
class Pager:
    """Brings the subscriptions of one socket to the live feed, one page at a time, in turns."""

    _connection: RelayConnection
    _supply: Supply
    _on_refuse: Callable[[Subscription, RefusedError], None]
    _on_fail: Callable[[], None]
    _behind: list[Subscription] = field(default_factory=list)
    is_running: bool = False

    def add(self, subscription: Subscription) -> None:
        """Takes on a subscription that is behind; `run` has to be running or started."""
        self._behind.append(subscription)

    async def run(self) -> None:
        """Returns when no subscription is behind or the socket is gone; raises nothing."""
        backoff = Backoff(0.1, self._supply.settings.max_backoff_s)
        self.is_running = True
        try:
            while self._behind and self._connection.is_open:
                subscription = self._behind.pop(0)
                if subscription.has_ended:
                    continue
                reads_ahead = await self._drained_soon()
                try:
                    is_behind = await self._turn(subscription, reads_ahead)
                except UnavailableError as error:
                    self._supply.metrics.replay_failed(error)
                    self._behind.insert(0, subscription)
                    await asyncio.sleep(backoff.next_s())
                    continue
                except RefusedError as error:
                    self._supply.metrics.replay_failed(error)
                    if not subscription.has_ended:
                        self._on_refuse(subscription, error)
                    continue
                backoff.reset()
                if is_behind:
                    self._behind.append(subscription)
        except Exception as error:
            self._supply.metrics.replay_failed(error)
            logger.exception("catching up failed")
            self._behind.clear()
            self._on_fail()
        finally:
            self.is_running = False

    async def _drained_soon(self) -> bool:
        """Waits until the socket takes more; whether a page read meanwhile would still be kept."""
        began = self._connection.loop.time()
        await self._connection.drained()
        took_s = self._connection.loop.time() - began
        return took_s < self._supply.settings.max_shared_page_age_s / 2

    async def _turn(self, subscription: Subscription, reads_ahead: bool) -> bool:
        """Writes one page; whether the subscription is still behind."""
        supply = self._supply

        def is_needed() -> bool:
            return not subscription.has_ended and self._connection.is_open

        wanted = Wanted(
            subscription.lane,
            subscription.name,
            subscription.covered,
            subscription.org_id,
            subscription.page_size(),
            subscription.epoch,
            subscription.compact,
            subscription.subset,
        )
        page = await supply.pages.get(wanted, subscription.head, is_needed)
        if page is None:
            return False
        # With several topics behind, another's turn is next.
        if reads_ahead and not page.complete and not self._behind:
            following = replace(
                wanted, after=page.next_watermark, max_updates=subscription.batch_size
            )
            await supply.pages.expect(following, subscription.head, is_needed)
        if subscription.has_ended:
            return False
        # From here to the return nothing waits: the page is written before any live update.
        subscription.advance(page.next_watermark)
        supply.metrics.replay_pages.inc()
        is_live = page.complete and subscription.go_live(supply.feeds)
        if page.updates or not page.complete or not subscription.is_announced:
            self._connection.write_shared(page.message, subscription.join_ref)
            supply.metrics.replay_updates.inc(page.updates)
            supply.metrics.replay_bytes.inc(len(page.message))
        subscription.is_announced = subscription.is_announced or page.complete
        if is_live:
            now = self._connection.loop.time()
            supply.metrics.catch_up.observe(now - subscription.behind_since)
        return not is_live
