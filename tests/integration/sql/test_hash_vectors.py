"""The hash vectors in SQL. The same file is tested in Python and in TypeScript."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.postgres.databases import Database

FILE = Path(__file__).resolve().parents[2] / "fixtures" / "payload_hash_vectors.v1.json"
CONTENT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


def test_vectors(database: Database) -> None:
    with database.connect() as connection:
        for vector in CONTENT["vectors"]:
            row = connection.execute(
                "SELECT khala.canonical_json(p), encode(khala.payload_hash(p), 'hex'),"
                " khala.payload_hash_text(p), khala_internal.canonical_json(p)"
                " FROM khala.parse_payload(%s) AS p",
                (vector["json"],),
            ).fetchone()
            digest = vector["sha256"]
            expected = (vector["canonical"], digest, f"sha256:{digest}", vector["canonical"])
            assert row == expected, vector["name"]


def test_refused(database: Database) -> None:
    assert all("sql" in vector["refused_by"] for vector in CONTENT["refused"])
    with database.connect("runtime") as connection:
        for vector in CONTENT["refused"]:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute("SELECT khala.parse_payload(%s)", (vector["json"],))
            assert refused.value.sqlstate == "KH005", vector["name"]
            assert refused.value.diag.message_hint, vector["name"]
