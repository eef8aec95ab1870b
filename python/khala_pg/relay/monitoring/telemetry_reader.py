"""Reader of the database's telemetry for scrapes: one query at a time, with a time limit."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from khala_pg.errors import KhalaError
from khala_pg.relay.database.pool import Database
from khala_pg.sqlapi import telemetry as sqlapi
from khala_pg.sqlapi.telemetry import Telemetry

logger = logging.getLogger("khala.relay.telemetry")

# `khala top` gives a relay five seconds, Prometheus ten.
_PATIENCE_S = 3.0


@dataclass
class TelemetryReader:
    """Shares one query among all scrapes that come while it runs."""

    _database: Database
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    _asked: asyncio.Future[Telemetry | None] | None = None

    async def read(self) -> Telemetry | None:
        """None when the database does not answer, or not in time."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            self._spawn(self._ask(self._asked))
        answer = self._asked
        # A question that hangs keeps its connection until it has an end; others join it.
        await asyncio.wait([answer], timeout=_PATIENCE_S)
        return answer.result() if answer.done() else None

    async def _ask(self, answer: "asyncio.Future[Telemetry | None]") -> None:
        found = None
        try:
            found = await self._database.call(sqlapi.telemetry)
        except KhalaError as error:
            logger.info("a scrape goes without the database: %s", error)
        except Exception:
            # The relay's own values are shown all the same.
            logger.exception("a scrape goes without the database")
        finally:
            self._asked = None
            answer.set_result(found)
