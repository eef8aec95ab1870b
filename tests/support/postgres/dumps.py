"""Backups and standbys as people make them: with PostgreSQL's programs, on real servers."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database


def dump(database: Database, file: Path) -> None:
    """pg_dump of the whole database, in the archive format, by the server's own pg_dump."""
    _run(
        database.server.installation.program("pg_dump"),
        "--format=custom",
        f"--file={file}",
        f"--dbname={database.dsn}",
    )


def restore_over(database: Database, file: Path) -> None:
    """Puts a backup back over the database it was made of, with pg_restore --clean.

    For partitioned tables pg_restore first tries to drop each partition's own primary key, which
    PostgreSQL refuses; it goes on and drops the tables. Any other complaint is a failure.
    """
    complaints = _run(
        database.server.installation.program("pg_restore"),
        "--clean",
        "--if-exists",
        f"--dbname={database.dsn}",
        str(file),
        check=False,
    )
    errors = [line for line in complaints.splitlines() if "ERROR" in line]
    assert all("cannot drop inherited constraint" in line for line in errors), complaints


def restore_in_place(database: Database, file: Path) -> None:
    """Puts a backup back into the database it was made of, after dropping Khala's schemas."""
    with database.connect() as connection:
        connection.execute("DROP SCHEMA khala CASCADE")
        connection.execute("DROP SCHEMA runtime CASCADE")
        for row in connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"
        ).fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(row[0])))
    _restore_into(database.server, database.name, file)


def restore_data_only(database: Database, file: Path) -> None:
    """Puts the rows of a backup back into tables that are emptied, not made anew."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ')"
            " FROM pg_class AS c JOIN pg_namespace AS n ON c.relnamespace = n.oid"
            " WHERE n.nspname = 'runtime' AND c.relkind = 'r'"
        ).fetchone()
        assert tables is not None
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"TRUNCATE {tables[0]} CASCADE")
    _run(
        database.server.installation.program("pg_restore"),
        "--data-only",
        "--disable-triggers",
        "--schema=runtime",
        "--exit-on-error",
        f"--dbname={database.dsn}",
        str(file),
    )


def restore_as(
    server: PostgresServer, name: str, passwords: dict[str, str], file: Path
) -> Database:
    """Puts a backup into a database that is made for it; Khala's roles must be there already."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _restore_into(server, name, file)
    return Database(server, name, passwords)


def make_standby(primary: PostgresServer, home: Path) -> PostgresServer:
    """A physical copy of a running server, which follows it once it is started."""
    home.mkdir()
    home.chmod(0o755)
    cluster = home / "cluster"
    _run(
        primary.installation.program("pg_basebackup"),
        f"--pgdata={cluster}",
        f"--dbname={primary.dsn()}",
        "--checkpoint=fast",
        "--wal-method=stream",
        "--write-recovery-conf",
    )
    shutil.copy(primary.home / "password", home / "password")
    if not primary.account.is_ours:
        for place in (cluster, *cluster.rglob("*")):
            os.chown(place, primary.account.uid, primary.account.gid, follow_symlinks=False)
    return PostgresServer(home, settings=primary.settings)


def _restore_into(server: PostgresServer, name: str, file: Path) -> None:
    _run(
        server.installation.program("pg_restore"),
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={server.dsn(name)}",
        str(file),
    )


def _run(program: str, *arguments: str, check: bool = True) -> str:
    said = subprocess.run(
        [program, *arguments],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0 or not check, said.stderr
    return said.stderr
