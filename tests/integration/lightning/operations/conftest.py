"""Fixture: everything that an operator works with."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from khala_pg.postgres.server import PostgresServer
from support.databases import Database, Template, cloned
from support.operators import Operators, operators


@pytest.fixture
async def operator(
    newest_database: Database,
    newest_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path: Path,
) -> AsyncIterator[Operators]:
    """The legacy backend has a database of its own."""
    with cloned(template_of(newest_server)) as legacy:
        async with operators(newest_database, legacy, tmp_path) as made:
            yield made
