"""Watch over heartbeats: the database marks runs and codex workers whose heartbeats stopped."""

import asyncio
import logging
from collections.abc import Awaitable

import psycopg
from prometheus_client import Counter

from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.relay.heartbeats")


async def watch_heartbeats(settings: RelaySettings, database: Database, metrics: Metrics) -> None:
    """Works until it is cancelled: runs become lost, and heartbeats of codex workers stale."""
    while True:
        await asyncio.sleep(settings.slow_poll_interval_s)
        if settings.lost_run_after_s:
            await _mark(
                "runs marked as lost",
                database.call(sqlapi.mark_lost_runs, settings.lost_run_after_s),
                metrics.lost_runs,
            )
        await _mark(
            "codex workers marked as stale",
            database.call(sqlapi.mark_stale_workers),
            metrics.stale_workers,
        )


async def _mark(what: str, marking: Awaitable[int], counter: Counter) -> None:
    try:
        marked = await marking
    except (KhalaError, psycopg.Error) as error:
        if not isinstance(error, UnavailableError):
            logger.error("no %s: %s", what, error)
        return
    if marked:
        counter.inc(marked)
        logger.info("%s: %d", what, marked)
