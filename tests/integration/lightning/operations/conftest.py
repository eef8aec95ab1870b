"""Fixture: everything that an operator works with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.postgres.databases import Database
from support.programs.operators import Operators, operators


@pytest.fixture
async def operator(newest_database: Database, tmp_path: Path) -> AsyncIterator[Operators]:
    async with operators(newest_database, tmp_path) as made:
        yield made
