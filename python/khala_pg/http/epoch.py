"""Calls that begin an epoch when there is none."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from khala_pg import sqlapi
from khala_pg.errors import StaleCursorError, from_psycopg

_T = TypeVar("_T")


async def within_epoch(connection: sqlapi.Connection, ask: Callable[[], Awaitable[_T]]) -> _T:
    """What `ask` says, asked again if only an epoch was missing.

    `ask` must name no epoch: after a restore or a rewrite of the epoch table there is none in force
    until somebody begins one, and whoever reads a snapshot should not wait for the relay's poll.
    Raises what `ask` raises.
    """
    try:
        return await ask()
    except psycopg.Error as error:
        if not _is_without_epoch(error):
            raise
    await sqlapi.ensure_epoch(connection)
    return await ask()


def _is_without_epoch(error: psycopg.Error) -> bool:
    known = from_psycopg(error)
    return isinstance(known, StaleCursorError) and any(
        entry.get("reason") == "epoch_changed" for entry in known.stale_topics
    )
