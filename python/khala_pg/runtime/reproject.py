"""Drops summaries and builds them again from history, beside live writers.

Each page is one transaction that locks its entities: a writer of one of them waits for the page,
and no reader ever finds a summary missing.
"""

from collections.abc import Callable, Sequence

from khala_pg.connections import connect_async
from khala_pg.sqlapi import runtime as sqlapi
from khala_pg.sqlapi.roles import RUNTIME, explained

KINDS: Sequence[sqlapi.EntityKind] = ("codex_worker", "run")
PAGE_ENTITIES = 50
_APPLICATION = "khala reproject"


async def reproject_one(database: str, kind: sqlapi.EntityKind, entity_id: str) -> None:
    """Rebuild one summary; KH007 (as psycopg.Error) when there is no such entity."""
    async with (
        await connect_async(database, application_name=_APPLICATION) as connection,
        explained(connection, RUNTIME),
    ):
        await sqlapi.rebuild_projection(connection, kind, entity_id)


async def reproject_all(
    database: str,
    total: Callable[[int], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Rebuild all summaries; returns their number.

    `total` is called with their number at the start, `advance` with the size of each page.
    Entities that come into being meanwhile are projected by their first event anyway.
    """
    rebuilt = 0
    async with (
        await connect_async(database, application_name=_APPLICATION) as connection,
        explained(connection, RUNTIME),
    ):
        total(sum([await sqlapi.count_entities(connection, kind) for kind in KINDS]))
        for kind in KINDS:
            after: str | None = None
            while ids := await sqlapi.rebuild_projections(connection, kind, after, PAGE_ENTITIES):
                after = ids[-1]
                rebuilt += len(ids)
                advance(len(ids))
    return rebuilt
