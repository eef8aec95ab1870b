"""The schema version: a number that only the function schema_version returns."""

import re
from pathlib import Path
from typing import Any

import psycopg

from khala_pg.migration.sqitch_files import MigrationError

_RETURNED = re.compile(r"^\s*(?:SELECT|RETURN)\s+(\d+)\b", re.IGNORECASE | re.MULTILINE)


def shipped_schema_version(directory: Path) -> int:
    """The version that the SQL files of `directory` make."""
    path = directory / "functions" / "api" / "topics" / "schema_version.sql"
    match = _RETURNED.search(path.read_text(encoding="utf-8"))
    if match is None:
        raise MigrationError(f"{path} does not return a number")
    return int(match[1])


def schema_version_of(connection: psycopg.Connection[Any]) -> int | None:
    """The version in the database, or None when it has no Khala schema (of this kind) yet."""
    there = connection.execute(
        "SELECT pg_catalog.to_regprocedure('khala.schema_version()') IS NOT NULL"
    ).fetchone()
    if there is None or not there[0]:
        return None
    row = connection.execute("SELECT khala.schema_version()").fetchone()
    return None if row is None else int(row[0])
