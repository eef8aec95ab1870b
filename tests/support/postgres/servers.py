"""The PostgreSQL servers that tests run on: Debian's 15 and the embedded wheel's 18."""

import os
import shutil
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from khala_pg.postgres.server import SUPERUSER, PostgresServer
from support.postgres.verifiers import quick_verifier

OLDEST = "15"
NEWEST = "18"
VERSIONS = (OLDEST, NEWEST)

# Tests kill servers, never the machine: what fsync protects against cannot happen.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    # The servers' files may be in memory.
    "max_wal_size": "128MB",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}

# A database is a thousand files: on ext4 making and removing one takes 110 to 210 ms, here 25.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 * 2**30


def find_oldest_bin() -> Path | None:
    """The directory of PostgreSQL 15's programs: where Debian has them, or on PATH."""
    debian = Path(f"/usr/lib/postgresql/{OLDEST}/bin")
    if (debian / "postgres").exists():
        return debian
    on_path = shutil.which("postgres")
    if on_path is not None and f"/{OLDEST}/" in str(Path(on_path).resolve()):
        return Path(on_path).resolve().parent
    return None


def _roomy_memory() -> Path | None:
    """Where files are in memory, if there is room for many workers' servers."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        return None
    return _MEMORY


def _remove_what_killed_sessions_left(memory: Path) -> None:
    for left in memory.glob("khala-test-*-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)


def _log_in_quickly(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(SUPERUSER), sql.Literal(quick_verifier(connection.info.password))
            )
        )


class Servers:
    """Starts each server at its first use; stops and removes all of them at the end."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: as root that is closed to the account the server runs as.
        memory = _roomy_memory()
        if memory is not None:
            _remove_what_killed_sessions_left(memory)
        self._root = Path(tempfile.mkdtemp(prefix=f"khala-test-{os.getpid()}-", dir=memory))
        self._root.chmod(0o755)
        self._running: dict[str, PostgresServer] = {}

    def get(self, version: str) -> PostgresServer:
        """The running server of that version. Raises LookupError, saying why, if there is none."""
        if version not in self._running:
            pg_bin = None
            if version == OLDEST:
                pg_bin = find_oldest_bin()
                if pg_bin is None:
                    raise LookupError(
                        f"PostgreSQL {OLDEST} is not installed (apt-get install postgresql-15)"
                    )
            server = PostgresServer(self._root / version, pg_bin=pg_bin, settings=SETTINGS)
            server.start()
            _log_in_quickly(server)
            self._running[version] = server
        return self._running[version]

    def new_home(self, name: str) -> Path:
        """A directory for one more server, reachable for the account that servers run as."""
        home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))
        home.chmod(0o755)
        return home

    def close(self) -> None:
        for server in self._running.values():
            server.stop("immediate")
        shutil.rmtree(self._root)
