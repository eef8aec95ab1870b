"""Cohort vectors in SQL. The same file is tested in Python and in TypeScript."""

import json
from pathlib import Path
from typing import Any

from support.postgres.databases import Database

FILE = Path(__file__).resolve().parents[2] / "fixtures" / "cohort_vectors.v1.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))["vectors"]


def test_vectors(database: Database) -> None:
    assert len(VECTORS) >= 50
    with database.connect() as connection:
        for vector in VECTORS:
            row = connection.execute(
                "SELECT khala_internal.cohort(%(surface)s, %(subject)s)", vector
            ).fetchone()
            assert row == (vector["cohort"],), vector
