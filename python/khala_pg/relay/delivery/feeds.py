"""The live feeds of a relay: one for each topic that somebody at the head is subscribed to."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from khala_pg.errors import UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.audience import Audience
from khala_pg.relay.delivery.feed import TopicFeed
from khala_pg.relay.delivery.lanes import Lane
from khala_pg.relay.delivery.pacing import Pacer
from khala_pg.relay.delivery.reader import Reader
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.lag import LagSampler
from khala_pg.relay.monitoring.tracing import PageTracer
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import feed as sqlapi

logger = logging.getLogger("khala.relay.feed")


@dataclass(eq=False)
class Feeds:
    """The feeds that have readers, at most one for each name, epoch and lane of a topic."""

    _database: Database
    _settings: RelaySettings
    _metrics: Metrics
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    _tracer: PageTracer | None = None
    _feeds: dict[tuple[str, str, str], TopicFeed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lag = LagSampler(self._database, self._metrics, self._spawn)
        self._pacer = Pacer(self._settings.max_feed_rest_s)

    def __len__(self) -> int:
        return len(self._feeds)

    def attach(
        self, reader: Reader, name: str, topic: str, epoch: str, lane: Lane, position: int
    ) -> TopicFeed | None:
        """Puts a reader on the feed of its topic, which is started if need be.

        None when the feed is past the position: replay once more.
        """
        feed = self._feeds.get((name, epoch, lane.encoding))
        if feed is not None:
            return feed if feed.attach(reader, position) else None
        feed = TopicFeed(
            name,
            topic,
            epoch,
            lane,
            Audience(position),
            self._database,
            self._settings,
            self._metrics,
            self._lag,
            self._pacer,
            self._tracer,
            self._forget,
        )
        feed.attach(reader, position)
        self._feeds[name, epoch, lane.encoding] = feed
        self._spawn(feed.run())
        return feed

    def positions(self) -> dict[str, int]:
        """The watermark that each topic has been pulled to, by its slowest feed."""
        found: dict[str, int] = {}
        for feed in self._feeds.values():
            found[feed.topic] = min(feed.position, found.get(feed.topic, feed.position))
        return found

    def wake(self, topic: str | None = None) -> None:
        """There may be something new in a topic; None, or a notification without one: in any."""
        for feed in self._feeds.values():
            if not topic or feed.topic == topic:
                feed.wake()

    async def poll(self) -> None:
        """Looks every so often whether anything moved, whatever was heard."""
        while True:
            await asyncio.sleep(self._settings.slow_poll_interval_s)
            try:
                await self.look()
            except UnavailableError:
                continue
            except Exception:
                logger.exception("the heads of topics cannot be read")
                self.wake()

    async def look(self) -> None:
        """Wakes feeds that sleep although their topic has moved, with one query for all of them.

        Raises what the call of the database raises.
        """
        asleep = [feed for feed in self._feeds.values() if feed.is_asleep]
        topics = sorted({feed.topic for feed in asleep})
        heads = await self._database.call(sqlapi.head_watermarks, topics) if topics else {}
        for feed in asleep:
            # A topic that is gone has none, which its next pull says in words.
            if heads.get(feed.topic) != feed.position:
                feed.wake(polled=True)

    def _forget(self, feed: TopicFeed) -> None:
        key = (feed.name, feed.epoch, feed.lane.encoding)
        if self._feeds.get(key) is feed:
            del self._feeds[key]
