"""What every benchmark shares: a server of its own, a small table, a JSON file."""

import json
import platform
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import PostgresServer

RESULTS = Path(__file__).resolve().parents[1] / "results"

# Durable, as in production; large enough that a run is not a measurement of checkpoints.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "max_connections": "300"}


@contextmanager
def migrated_server(
    pg_bin: str | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """A new server with the schema in its database `postgres`; gone at the end.

    settings: beside or in place of SETTINGS.
    """
    root = Path(tempfile.mkdtemp(prefix="khala-bench-"))
    # The account that Postgres runs as when started by root has to get through.
    root.chmod(0o755)
    try:
        with PostgresServer(
            root / "server", pg_bin=pg_bin, settings={**SETTINGS, **(settings or {})}
        ) as server:
            migrate(server.dsn())
            yield server
    finally:
        shutil.rmtree(root)


def new_database(server: PostgresServer, name: str) -> str:
    """The connection string of one more database with the schema."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(server.dsn(name))
    return server.dsn(name)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most of the measurements."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column names the row."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def save(name: str, content: dict[str, Any]) -> Path:
    """Write bench/results/NAME.json and say where it is."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {"processor": platform.machine(), "python": platform.python_version()}
    path.write_text(json.dumps({**content, "machine": machine}, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path
