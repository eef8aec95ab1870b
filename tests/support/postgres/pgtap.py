"""pgTAP for a database: the server's own, or Debian's package unpacked without being root."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from khala_pg.postgres.server import PostgresServer

PACKAGE = "postgresql-15-pgtap"
_EXTENSIONS = Path("usr/share/postgresql/15/extension")
# `CREATE EXTENSION pgtap` of a test file that a DBA runs; done already where it cannot be done.
_CREATE = re.compile(r"^\s*CREATE\s+EXTENSION\s+[^;]*\bpgtap\b[^;]*;", re.IGNORECASE | re.MULTILINE)


class PgTapMissingError(Exception):
    """There is no pgTAP and none can be had; the message says why."""


def install(server: PostgresServer, dsn: str) -> bool:
    """Makes pgTAP's functions in the database; True if as an extension, False if as plain SQL.

    Raises PgTapMissingError.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        if _available(connection):
            connection.execute("CREATE EXTENSION pgtap")
            return True
        extensions = _debian_extensions()
        if server.major >= 18 and os.access(extensions, os.R_OK):
            # From 18 on a server finds extensions outside its own installation.
            path = f"$system:{extensions.parent}"
            connection.execute("SELECT set_config('extension_control_path', %s, false)", (path,))
            connection.execute("CREATE EXTENSION pgtap")
            return True
        connection.execute(_script(extensions).encode())
        return False


def source_of(file: Path, as_extension: bool) -> str:
    """The SQL of a test file, without its CREATE EXTENSION where pgTAP is not an extension."""
    source = file.read_text(encoding="utf-8")
    return source if as_extension else _CREATE.sub("", source)


def _available(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'pgtap'")
    return found.fetchone() is not None


def _script(extensions: Path) -> str:
    """pgTAP's installation script, for execution outside CREATE EXTENSION."""
    control = (extensions / "pgtap.control").read_text()
    version = re.search(r"default_version\s*=\s*'([^']+)'", control)
    if version is None:
        raise PgTapMissingError(f"{extensions}/pgtap.control names no version")
    return (extensions / f"pgtap--{version[1]}.sql").read_text(encoding="utf-8")


def _debian_extensions() -> Path:
    """The extension directory with pgTAP's files: Debian's own, or of the package unpacked."""
    installed = Path("/") / _EXTENSIONS
    if (installed / "pgtap.control").exists():
        return installed
    unpacked = _cache() / _EXTENSIONS
    if not (unpacked / "pgtap.control").exists():
        _unpack(_cache())
    return unpacked


def _cache() -> Path:
    """A directory that the server's account can read as well."""
    return Path(tempfile.gettempdir()) / f"khala-pgtap-{os.geteuid()}"


def _unpack(cache: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise PgTapMissingError(f"pgTAP is not installed, and there is no {program} to get it")
    with tempfile.TemporaryDirectory(prefix="khala-apt-") as scratch:
        state, downloads = Path(scratch) / "state", Path(scratch) / "downloads"
        for directory in (state / "lists" / "partial", downloads):
            directory.mkdir(parents=True)
        # Package lists of our own: the system's may be missing, and are root's to fetch.
        options = [
            f"-oDir::State::lists={state / 'lists'}",
            f"-oDir::Cache={state}",
            "-oDebug::NoLocking=1",
            "-oAPT::Sandbox::User=",
        ]
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
            _run(["apt-get", *options, "-q", "update"], downloads)
            _run(["apt-get", *options, "-q", "download", PACKAGE], downloads)
        else:
            _run(["apt-get", "-oAPT::Sandbox::User=", "-q", "download", PACKAGE], downloads)
        (package,) = downloads.glob("*.deb")
        staging = Path(scratch) / "unpacked"
        _run(["dpkg-deb", "-x", str(package), str(staging)], downloads)
        staging.chmod(0o755)
        shutil.copytree(staging, cache, dirs_exist_ok=True)


def _run(command: list[str], directory: Path) -> None:
    said = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise PgTapMissingError(
            f"pgTAP is not installed (apt-get install {PACKAGE}), and getting it failed: "
            f"{' '.join(command[:1] + command[-2:])}: {said.stderr.strip()}"
        )
