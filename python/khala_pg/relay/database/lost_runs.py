"""Looks every so often for runs whose heartbeats have stopped, and has the database mark them."""

import asyncio
import logging

import psycopg

from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.relay.lost_runs")


async def mark_lost_runs(settings: RelaySettings, database: Database, metrics: Metrics) -> None:
    """Works until it is cancelled; returns at once when lost_run_after_s is 0."""
    while settings.lost_run_after_s:
        await asyncio.sleep(settings.slow_poll_interval_s)
        try:
            marked = await database.call(sqlapi.mark_lost_runs, settings.lost_run_after_s)
        except (KhalaError, psycopg.Error) as error:
            if not isinstance(error, UnavailableError):
                logger.error("lost runs cannot be marked: %s", error)
            continue
        if marked:
            metrics.lost_runs.inc(marked)
            logger.info("runs marked as lost: %d", marked)
