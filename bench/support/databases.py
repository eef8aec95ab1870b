"""A server for a bench: with the schema, durable, gone at the end."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import PostgresServer

# Durable, as in production; large enough that a run is not a measurement of checkpoints.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "max_connections": "300"}


@contextmanager
def migrated_server(
    pg_bin: str | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """A new server with the schema in its database `postgres`; gone at the end.

    settings: beside or in place of SETTINGS.
    """
    # As an exception, so that servers and files go when the bench is ended by a time limit.
    signal.signal(signal.SIGTERM, _leave)
    root = Path(tempfile.mkdtemp(prefix="khala-bench-"))
    # The account that Postgres runs as when started by root has to get through.
    root.chmod(0o755)
    try:
        with PostgresServer(
            root / "server", pg_bin=pg_bin, settings={**SETTINGS, **(settings or {})}
        ) as server:
            install(server.dsn())
            yield server
    finally:
        shutil.rmtree(root)


def _leave(number: int, frame: object) -> None:
    sys.exit(128 + number)


def new_database(server: PostgresServer, name: str) -> str:
    """The connection string of one more database with the schema."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    install(server.dsn(name))
    return server.dsn(name)


def install(dsn: str) -> None:
    """Brings the schema; documents need no organisation in its topics."""
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE runtime.sync_topics SET ownership = 'mixed'")
