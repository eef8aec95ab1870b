"""Schema dumps that can be compared, and the committed one: `make schema` writes db/schema.sql."""

import re
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres.servers import NEWEST, Servers

COMMITTED = Path(__file__).resolve().parents[3] / "db" / "schema.sql"
_BOOKKEEPING = ("sqitch", "khala_migration")
_NOISE = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict )")
_HEADER = (
    "-- Written by `make schema`: what the migrations make, as PostgreSQL 18's pg_dump prints it,\n"
    "-- without functions and views, which stand in functions/ and views/ with their grants.\n"
)
_ENTRY = re.compile(r"^-- (?:Data for )?Name: .*?; Type: (?P<type>[^;]+); Schema:", re.MULTILINE)
_ELSEWHERE = re.compile(
    r"^(COMMENT ON (FUNCTION|VIEW)|(REVOKE|GRANT) \w+ ON (FUNCTION|TABLE khala\.))", re.MULTILINE
)


def _dump(server: PostgresServer, dsn: str) -> str:
    where = conninfo_to_dict(dsn)
    command = [
        server.installation.program("pg_dump"),
        "--schema-only",
        *(f"--exclude-schema={schema}" for schema in _BOOKKEEPING),
        f"--host={where['host']}",
        f"--port={where['port']}",
        f"--username={where['user']}",
        str(where["dbname"]),
    ]
    said = subprocess.run(
        command,
        env={"PGPASSWORD": str(where["password"]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def dump_schema(server: PostgresServer, dsn: str) -> str:
    """What is in the database, owners and grants included, without migration tools' own tables."""
    return _without_noise(_dump(server, dsn))


def current_dump(server: PostgresServer, dsn: str) -> str:
    """What db/schema.sql must hold, given a database that was migrated just now."""
    entries = re.split(r"(?=^--\n-- Name: )", _dump(server, dsn), flags=re.MULTILINE)
    kept = [entry for entry in entries if not _stands_elsewhere(entry)]
    return _HEADER + "\n" + _without_noise("".join(kept))


def _stands_elsewhere(entry: str) -> bool:
    """Whether a piece of the dump is a function or a view, or a comment or grant on one."""
    named = _ENTRY.search(entry)
    if named is None:
        return False
    return named["type"] in ("FUNCTION", "VIEW") or (
        named["type"] in ("COMMENT", "ACL") and _ELSEWHERE.search(entry) is not None
    )


def _without_noise(dump: str) -> str:
    lines = [line.rstrip() for line in dump.splitlines() if not _NOISE.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _write() -> None:
    servers = Servers()
    try:
        server = servers.get(NEWEST)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE fresh")
        migrate(server.dsn("fresh"), directory=db_dir())
        COMMITTED.write_text(current_dump(server, server.dsn("fresh")), encoding="utf-8")
    finally:
        servers.close()
    print(f"wrote {COMMITTED}")


if __name__ == "__main__":
    _write()
