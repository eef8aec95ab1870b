"""The hash vectors in Python. The same file is tested in SQL and in TypeScript."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from khala_pg import canonical
from khala_pg.canonical import NotIJsonError

FILE = Path(__file__).resolve().parents[1] / "fixtures" / "payload_hash_vectors.v1.json"
CONTENT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


def named(kind: str) -> Any:
    return [pytest.param(vector, id=vector["name"]) for vector in CONTENT[kind]]


def test_there_are_enough() -> None:
    assert len(CONTENT["vectors"]) >= 60
    assert len(CONTENT["refused"]) >= 30
    names = [vector["name"] for kind in ("vectors", "refused") for vector in CONTENT[kind]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("vector", named("vectors"))
def test_vector(vector: dict[str, str]) -> None:
    text = canonical.canonical_bytes(canonical.parse_document(vector["json"]))
    assert text.decode() == vector["canonical"]
    assert hashlib.sha256(text).hexdigest() == vector["sha256"]
    # Canonical text is its own canonical text.
    assert canonical.canonical_bytes(canonical.parse_document(text)) == text


@pytest.mark.parametrize(
    "vector", [each for each in named("refused") if "python" in each.values[0]["refused_by"]]
)
def test_refused(vector: dict[str, str]) -> None:
    with pytest.raises(NotIJsonError):
        canonical.parse_document(vector["json"])
