"""Sequencing of grouped topics: staged writes get their watermarks from the relay that comes
first."""

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field

import psycopg

from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.errors import InTheWayError, KhalaError, RefusedError, UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.relay.sequencer")

_UNKNOWN_TOPIC = "KH001"
_BATCH = 500
# Not asleep before: all writers that find a sleeper notify, and those commit one after the other.
# With 32 writers that commit together there is a moment without any after each of their commits.
_IDLE_S = 0.01
# It rests as long as it worked, for the busier the server, the more comes meanwhile: a write in a
# batch of 20 took 73 µs of processor time, in one of 100 47.
_MAX_REST_S = 0.01


@dataclass
class Sequencer:
    """A task for each grouped topic, whether or not anybody is subscribed to it.

    The topic's feed is woken by the sequenced batch as by any other write. A relay that finds
    another one at work looks again until it may sleep itself, so the end of any needs no message.
    """

    _settings: RelaySettings
    _database: Database
    _metrics: Metrics
    _wakes: dict[str, asyncio.Event] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        # Feeds and pagers need the other connections.
        self._slots = asyncio.Semaphore(max(1, self._settings.pool_size // 4))
        # For topics that failed: however many wait for locks, those in order do not wait for them.
        self._retries = asyncio.Semaphore(1)

    def look(self, topic: str | None = None) -> None:
        """There may be something staged in the topic; None: in any."""
        if topic is None:
            for wake in self._wakes.values():
                wake.set()
        if topic in self._wakes:
            self._wakes[topic].set()
        else:
            self._changed.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                try:
                    topics = await self._database.call(sqlapi.grouped_topics)
                except (KhalaError, psycopg.Error) as error:
                    if not isinstance(error, UnavailableError):
                        logger.error("the grouped topics cannot be read: %s", error)
                    await set_within(self._changed, backoff.next_s())
                    continue
                backoff.reset()
                for topic in topics - self._wakes.keys():
                    self._wakes[topic] = asyncio.Event()
                    tasks.create_task(self._work(topic, self._wakes[topic]))
                await set_within(self._changed, self._settings.slow_poll_interval_s)

    async def _work(self, topic: str, wake: asyncio.Event) -> None:
        """Sequences a topic until it is direct or removed."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        has_failed = False
        limit = _BATCH
        shortest_s = self._settings.min_busy_delay_s
        delay_s = shortest_s
        moved_at = -math.inf
        while True:
            wake.clear()
            began = time.monotonic()
            is_idle = began - moved_at > _IDLE_S
            try:
                async with self._retries if has_failed else self._slots:
                    done = await self._database.call(sqlapi.sequence, topic, limit, is_idle)
            except (KhalaError, psycopg.Error) as error:
                if isinstance(error, RefusedError) and error.sqlstate == _UNKNOWN_TOPIC:
                    # It was removed.
                    del self._wakes[topic]
                    return
                self._metrics.sequence_errors.inc()
                if isinstance(error, InTheWayError) or not isinstance(error, UnavailableError):
                    logger.error("topic %s cannot be sequenced: %s", topic, error)
                has_failed = True
                # The writes before the one that fails get through, and it becomes the oldest.
                limit = 1
                await set_within(wake, backoff.next_s())
                continue
            backoff.reset()
            if done.writes:
                limit = min(limit * 2, _BATCH)
            if has_failed and (limit == _BATCH or done.state in {"armed", "done"}):
                logger.info("topic %s is sequenced again", topic)
                has_failed, limit = False, _BATCH
            if done.writes:
                self._metrics.sequenced.inc(done.writes)
                moved_at = time.monotonic()
                delay_s = min(max(shortest_s, moved_at - began), _MAX_REST_S)
            match done.state:
                case "armed":
                    await set_within(wake, self._settings.slow_poll_interval_s)
                case "busy" | "done":
                    # A writer or another relay is at work, or was: what comes next is near.
                    await asyncio.sleep(delay_s)
                    delay_s = min(delay_s * 2, self._settings.max_busy_delay_s)
                case "direct":
                    del self._wakes[topic]
                    return
