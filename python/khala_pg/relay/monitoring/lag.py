"""Delay of updates from their write to the sockets, sampled.

The database says how old an update is by its own clock, so no two clocks are compared. One page a
second of each topic is measured, beside delivery and after it: no update waits for a measurement.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from khala_pg.errors import UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.metrics import Metrics
from khala_pg.sqlapi import telemetry as sqlapi

logger = logging.getLogger("khala.relay.lag")

_INTERVAL_S = 1.0


@dataclass
class LagSampler:
    """Sampler of the delay of delivered pages."""

    _database: Database
    _metrics: Metrics
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    _due: dict[str, float] = field(default_factory=dict)

    def delivered(self, topic: str, watermark: int) -> None:
        """The page that begins with that update was just written to all its sockets.

        The first update of a page has waited longest.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._due.get(topic, 0.0):
            self._due[topic] = now + _INTERVAL_S
            self._spawn(self._measure(topic, watermark, now))

    async def _measure(self, topic: str, watermark: int, delivered_at: float) -> None:
        try:
            age_s = await self._database.call(sqlapi.event_age, topic, watermark)
        except UnavailableError:
            return
        except Exception:
            logger.exception("the age of an update of topic %s cannot be read", topic)
            return
        # None: purged meanwhile.
        if age_s is not None:
            since_s = asyncio.get_running_loop().time() - delivered_at
            self._metrics.delivered(topic, max(0.0, age_s - since_s))
