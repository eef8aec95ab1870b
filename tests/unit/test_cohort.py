"""Cohort vectors in Python. The same file is tested in SQL and in TypeScript."""

import json
from pathlib import Path
from typing import Any

import pytest

from khala_pg.cohort import cohort

FILE = Path(__file__).resolve().parents[1] / "fixtures" / "cohort_vectors.v1.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS)
def test_vector(vector: dict[str, Any]) -> None:
    assert cohort(vector["surface"], vector["subject"]) == vector["cohort"]
