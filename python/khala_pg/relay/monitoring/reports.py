"""Reports of a relay to the database, which the admin page reads: figures that /metrics has too."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import psycopg

from khala_pg import __version__
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.session import Session
from khala_pg.sqlapi import reports as sqlapi

logger = logging.getLogger("khala.relay.reports")

_AGAIN_S = 10.0
_LAST_S = 1.0
# Sockets that are counted without a pause: 0.3 ms, in which nothing is delivered.
_AT_ONCE = 500


def _name() -> str:
    """Another one for each process: containers may share a host's name and a process id."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(2)}"


@dataclass
class Reporter:
    """Reporter of one relay. sessions: those that are open."""

    _database: Database
    _metrics: Metrics
    _sessions: Collection[Session]
    name: str = field(default_factory=_name)
    _started_at: float = field(default_factory=time.monotonic)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lags: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    _is_known: bool = False
    _has_stopped: bool = False

    async def run(self, serves: asyncio.Event) -> None:
        """Reports once the relay serves, and then whenever the database says. Raises nothing."""
        await serves.wait()
        while True:
            due_s = await self._report(stops=False)
            await asyncio.sleep(due_s)

    async def stop(self) -> None:
        """Reports that the relay stops, if it ever reported and the database is there."""
        if not self._is_known:
            return
        try:
            async with asyncio.timeout(_LAST_S):
                await self._report(stops=True)
        except TimeoutError:
            logger.warning("the database was not told that this relay stops")

    async def _report(self, *, stops: bool) -> float:
        """Seconds until the next report."""
        async with self._turn:
            if self._has_stopped:
                return _AGAIN_S
            self._has_stopped = stops
            subscribers, behind = await self._count()
            # A thousand topics take tens of milliseconds: sockets need not wait for them.
            sent_bytes, lags = await asyncio.to_thread(self._metrics.deliveries)
            report = sqlapi.Report(
                relay=self.name,
                version=__version__,
                uptime_s=time.monotonic() - self._started_at,
                connections=len(self._sessions),
                subscribers=subscribers,
                behind=behind,
                sent_bytes=sent_bytes,
                lag=_since(lags, self._lags),
                stops=stops,
            )
            try:
                due_s = await self._database.call(sqlapi.report_relay, report)
            except (KhalaError, psycopg.Error) as error:
                if not isinstance(error, UnavailableError):
                    logger.error("no report: %s", error)
                return _AGAIN_S
            self._lags, self._is_known = lags, True
            return due_s

    async def _count(self) -> tuple[Counter[str], int]:
        """Subscriptions by topic, and how many are not on the live feed."""
        subscribers: Counter[str] = Counter()
        behind = 0
        for number, session in enumerate(list(self._sessions), 1):
            for each in session.subscriptions:
                subscribers[each.topic] += 1
                behind += each.state != "live"
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return subscribers, behind


def _since(
    lags: Mapping[str, Mapping[str, int]], before: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """The counts that grew, by how much."""
    grown = {
        topic: {
            bound: count - before.get(topic, {}).get(bound, 0)
            for bound, count in counts.items()
            if count > before.get(topic, {}).get(bound, 0)
        }
        for topic, counts in lags.items()
    }
    return {topic: counts for topic, counts in grown.items() if counts}
