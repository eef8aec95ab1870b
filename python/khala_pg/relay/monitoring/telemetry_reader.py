"""Reader of the database's telemetry for scrapes: one query at a time, with a time limit."""

import asyncio
import logging

from khala_pg.concurrency.single_flight import SingleFlight
from khala_pg.errors import KhalaError
from khala_pg.relay.database.pool import Database
from khala_pg.sqlapi import telemetry as sqlapi
from khala_pg.sqlapi.telemetry import Telemetry

logger = logging.getLogger("khala.relay.telemetry")

# `khala top` gives a relay five seconds, Prometheus ten.
_PATIENCE_S = 3.0


class TelemetryReader:
    """Shares one query among all scrapes that come while it runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._flight: SingleFlight[None, Telemetry] = SingleFlight()

    async def read(self) -> Telemetry | None:
        """None when the database does not respond, or not in time."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._flight.run(None, self._ask)
        except (KhalaError, TimeoutError) as error:
            logger.warning("a scrape goes without the database: %s", error or "no response in time")
        except Exception:
            # The relay's own values are shown all the same.
            logger.exception("a scrape goes without the database")
        return None

    async def _ask(self) -> Telemetry:
        return await self._database.call(sqlapi.telemetry)
