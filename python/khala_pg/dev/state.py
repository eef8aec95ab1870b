"""State of `khala dev` in its data directory, and preparation of its database.

- `postgres/`: the server's home (see postgres.server)
- `keyring.json`: the keys that tokens are signed with
- `relay.password`: of the login that the relay uses
- `lightning.secret`: of the Lightning control plane, if the environment has none
- `page.secret`: of the session that pages of this machine have
- `relay.log`: what the relay says
- `dev.json`: where everything is, for the other commands; there while `khala dev` runs
- `ports.json`: the ports of the last run, which the next one takes again (see ports)
- `dev.lock`: held by the `khala dev` that runs here
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import sql

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.connections import connect
from khala_pg.errors import KhalaError, UsageError
from khala_pg.lightning.api.switches import SCOPE as OPERATE_LIGHTNING
from khala_pg.lightning.environment import ops_secret
from khala_pg.migration.migrate import Outcome, migrate
from khala_pg.page.operations import ADMIN, ADMIN_ALL
from khala_pg.postgres.cluster import private
from khala_pg.postgres.server import PostgresServer
from khala_pg.sqlapi import admin, page_sessions, roles
from khala_pg.workers.endpoints import OPERATE

DATABASE = "khala"
RELAY_LOGIN = "khala_dev_relay"
ORGANISATION = "dev"
PERSON = "dev"
_TOKEN_TTL_S = 30 * 24 * 3600.0
_LIGHTNING_ROLES = ("lightning_ops", "lightning_owner_api")


class DevError(KhalaError):
    """`khala dev` cannot start."""


@dataclass(frozen=True)
class DevState:
    """The content of dev.json: what other commands need to find a running `khala dev`."""

    database: str
    relay_database: str
    ws: str
    http: str
    metrics: str | None
    page: str | None
    token: str
    page_session: str
    organisation: str
    keyring: str
    lightning_ops_secret: str
    pid: int


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Makes the data directory and holds it for this process. Raises DevError if it is taken.

    Raises UsageError if it cannot be made or written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        ignore = data_dir / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        file = (data_dir / "dev.lock").open("a+")
    except OSError as error:
        raise UsageError(
            f"{data_dir} cannot be the data directory: {error.strerror}",
            "Choose one that can be made or written to, with --data-dir.",
        ) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            lock.seek(0)
            raise DevError(
                f"khala dev (process {lock.read().strip()}) already runs in {data_dir}",
                hint="use it, stop it, or choose another directory with --data-dir",
            ) from taken
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def prepare_server(server: PostgresServer) -> Outcome:
    """Makes Khala's database if there is none, and brings its schema up to date."""
    with connect(server.dsn()) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if found.fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(
                    sql.Identifier(DATABASE)
                )
            )
    outcome = migrate(server.dsn(DATABASE))
    with connect(server.dsn(DATABASE)) as connection:
        admin.set_lightning_operators(connection, ORGANISATION)
    return outcome


def prepare_database(database: str) -> Outcome:
    """Brings the schema of somebody's database up to date, and makes its login a member of the
    roles that it lacks: the relay here and the commands connect as it.

    No login of its own for the relay: how logins may connect is that server's to say.
    """
    outcome = migrate(database)
    with connect(database) as connection:
        roles.take(connection, (roles.RELAY, roles.DBA, roles.RUNTIME, *_LIGHTNING_ROLES))
    return outcome


def relay_dsn(server: PostgresServer, data_dir: Path) -> str:
    """The connection string of the relay's login, which is made or given its password here."""
    password = _secret(data_dir / "relay.password")
    with connect(server.dsn(DATABASE)) as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (RELAY_LOGIN,))
        verb = "CREATE" if found.fetchone() is None else "ALTER"
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(RELAY_LOGIN), sql.Literal(password)
            )
        )
        for role in (roles.RELAY, *_LIGHTNING_ROLES):
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(RELAY_LOGIN))
            )
    return server.dsn(DATABASE, RELAY_LOGIN, password)


def lightning_secret(data_dir: Path) -> str:
    """The control plane's secret: the environment's, else one of this directory."""
    return ops_secret(os.environ) or _secret(data_dir / "lightning.secret")


def prepare_keyring(data_dir: Path) -> Path:
    """The keyring, made when it is not there yet. Raises KeyringError when it cannot be used."""
    path = data_dir / "keyring.json"
    if not path.exists():
        keyring_file.save(keys.generate(), path)
    keyring_file.load(path)
    return path


def sign_dev_token(database: str, keyring: Path) -> str:
    """A token of organisation `dev` for every topic that is registered now, good for 30 days.

    Its holder operates codex workers, and the Lightning control plane, as `dev` does, and reads
    what administrators read.
    """
    with connect(database) as connection:
        rows = connection.execute("SELECT topic FROM khala.topic_stats ORDER BY topic")
        topics = [topic for (topic,) in rows]
    return keys.sign_token(
        keyring_file.load(keyring),
        org_id=ORGANISATION,
        scopes=[*topics, OPERATE_LIGHTNING, OPERATE, ADMIN, ADMIN_ALL],
        subject=PERSON,
        ttl_s=_TOKEN_TTL_S,
    )


def page_session(database: str, data_dir: Path) -> str:
    """The cookie of a session of the admin page, for any organisation and 400 days."""
    cookie = _secret(data_dir / "page.secret")
    with connect(database) as connection:
        page_sessions.keep(connection, cookie, ORGANISATION, PERSON)
    return cookie


def state_file(data_dir: Path) -> Path:
    return data_dir / "dev.json"


def write_state(data_dir: Path, state: DevState) -> None:
    """Writes dev.json, all of it or nothing, readable by its owner only."""
    scratch = data_dir / f".dev.json.{os.getpid()}"
    with open(scratch, "w", opener=private) as file:
        json.dump(asdict(state), file, indent=2)
        file.write("\n")
    scratch.replace(state_file(data_dir))


def forget_state(data_dir: Path) -> None:
    """Removes dev.json: nothing runs here any more."""
    state_file(data_dir).unlink(missing_ok=True)


def _secret(path: Path) -> str:
    if not path.exists():
        with open(path, "x", opener=private) as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()
