"""Completion of topics, where a database is at hand."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import typer

from khala_pg.connections import connect_async
from khala_pg.errors import KhalaError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import topic_names

# The user waits for it after Tab.
_MOST_S = 1.0


def complete(context: typer.Context, incomplete: str) -> Sequence[str]:
    """The topics that begin like this; none where the database is not to be asked."""
    try:
        dsn = resolve(DATABASE, _database(context))
        known = asyncio.run(_names(dsn))
    except (KhalaError, psycopg.Error, OSError):
        return []
    return [name for name in known if name.startswith(incomplete)]


def _database(context: typer.Context) -> str | None:
    """The option of the command, else of the group before it: `khala topics --database … set`."""
    found: Any = context
    while found is not None:
        if found.params.get("database"):
            return str(found.params["database"])
        found = found.parent
    return None


async def _names(dsn: str) -> Sequence[str]:
    async with asyncio.timeout(_MOST_S):
        connection = await connect_async(dsn)
        async with connection:
            return await topic_names.names(connection)
