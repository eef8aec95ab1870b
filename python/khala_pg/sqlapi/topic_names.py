"""The names of topics: for completion, and for an unknown one that resembles a known one."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import psycopg

from khala_pg.connections import AsyncConnection
from khala_pg.errors import KhalaError, RefusedError, from_psycopg

UNKNOWN_TOPIC = "KH001"
_NAMES = "SELECT h.topic FROM khala.head_watermarks(NULL) AS h ORDER BY h.topic"


async def names(connection: AsyncConnection) -> Sequence[str]:
    return [name for (name,) in await (await connection.execute(_NAMES)).fetchall()]


def with_suggestion(
    connection: psycopg.Connection[Any], refused: psycopg.Error
) -> KhalaError | None:
    """The error for an unknown topic with those that its name resembles; None when none does."""
    error = from_psycopg(refused)
    if not isinstance(error, RefusedError) or not error.forbidden_topics:
        return None
    try:
        known = [name for (name,) in connection.execute(_NAMES).fetchall()]
    except psycopg.Error:
        # The caller learns what was refused, as it would without this.
        return None
    close = get_close_matches(error.forbidden_topics[0], known)
    if not close:
        return None
    hint = f"Did you mean {' or '.join(close)}? {error.hint}"
    return RefusedError(str(error), hint, error.sqlstate, error.detail)
