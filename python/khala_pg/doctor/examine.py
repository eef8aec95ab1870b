"""Examination of a database from the outside.

Every check is a function from a connection to findings. A finding that is not `ok` carries advice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.sql import Identifier

from khala_pg.connections import connect
from khala_pg.conninfo import PRIMARY
from khala_pg.doctor import server
from khala_pg.doctor.attachments import check_attachments
from khala_pg.doctor.finding import Finding, failed, ok, warned
from khala_pg.doctor.grouped import check_grouped_topics
from khala_pg.doctor.listen import check_listen
from khala_pg.doctor.providers import check_provider
from khala_pg.doctor.publishers import check_publishers
from khala_pg.errors import REACHABLE, KhalaError, from_psycopg
from khala_pg.migration import migrate
from khala_pg.migration.schema_version import schema_version_of, shipped_schema_version
from khala_pg.migration.schemas import PRESENT, check_complete
from khala_pg.resources import db_dir
from khala_pg.sqlapi.roles import GRANTS_ANEW

__all__ = ["Finding", "Report", "examine"]

Connection = psycopg.Connection[Any]

OLDEST, NEWEST = 15, 18
_ROLES = ("khala_owner", "khala_runtime", "khala_relay", "khala_dba", "khala_publisher")
_LIGHTNING_ROLES = ("lightning_ops", "lightning_owner_api")
# What each role must be able to call, or nothing works for it.
_MUST_CALL = {
    "khala_runtime": ("sink", "sink_batch", "sink_delete"),
    "khala_relay": (
        "check_cursors",
        "replay",
        "replay_feed",
        "arm",
        "snapshot",
        "hydrate",
        "ensure_epoch",
    ),
    "khala_dba": ("retain", "register_topic", "new_epoch"),
    "khala_publisher": ("open_publisher", "publisher_next", "publisher_report"),
}


@dataclass(frozen=True)
class Report:
    """The findings, in the order of the checks."""

    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Literal["ok", "warn", "fail"]:
        statuses = {finding.status for finding in self.findings}
        return "fail" if "fail" in statuses else "warn" if "warn" in statuses else "ok"


def examine(database: str, listener_database: str | None = None) -> Report:
    """Runs every check on the database.

    database: connection string, best of an owner: a login with fewer rights sees less, and the
    report says what it could not see.
    listener_database: the relay's connection string for LISTEN, when it is another one.

    Never raises for what a check finds: an unreachable database is a finding as well.
    """
    try:
        connection = connect(database, connect_timeout=10)
    except psycopg.Error as refused:
        finding = failed(
            "connection",
            f"cannot connect: {str(refused).strip()}",
            REACHABLE,
        )
        return Report((finding,))
    findings: list[Finding] = []
    with connection:
        for check in _CHECKS:
            findings.extend(_guarded(check, connection))
    findings.extend(check_listen(database, listener_database or database))
    return Report(tuple(findings))


def _guarded(
    check: Callable[[Connection], Iterator[Finding]], connection: Connection
) -> list[Finding]:
    name = check.__name__.removeprefix("_").removeprefix("check_").replace("_", " ")
    try:
        return list(check(connection))
    except psycopg.errors.InsufficientPrivilege as denied:
        return [
            warned(
                name,
                f"could not look: {denied.diag.message_primary}",
                "Run khala doctor as a member of khala_owner or as a superuser.",
            )
        ]
    except (psycopg.Error, KhalaError) as error:
        known = from_psycopg(error) if isinstance(error, psycopg.Error) else error
        advice = (known and known.hint) or "Run `khala migrate`, then khala doctor again."
        return [failed(name, str(known or error).strip(), advice)]


def _is_standby(connection: Connection) -> bool:
    return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def _check_connection(connection: Connection) -> Iterator[Finding]:
    [(name,)] = connection.execute("SELECT current_database()").fetchall()
    yield ok("connection", f"connected to {name}")


def _check_server(connection: Connection) -> Iterator[Finding]:
    info = connection.info
    major = info.server_version // 10000
    version = info.parameter_status("server_version")
    if major < OLDEST:
        yield failed("server", f"PostgreSQL {version}", f"Upgrade: Khala needs {OLDEST} or newer.")
    elif major > NEWEST:
        yield warned(
            "server",
            f"PostgreSQL {version}",
            f"Khala is tested on {OLDEST} to {NEWEST}; look for a newer khala-pg.",
        )
    else:
        yield ok("server", f"PostgreSQL {version}")
    if _is_standby(connection):
        yield failed(
            "server role",
            "this is a standby: nothing can be written, so no relay can work here",
            PRIMARY,
        )
    else:
        yield from server.check_takes_writes(connection)
    encoding = info.parameter_status("server_encoding")
    if encoding == "UTF8":
        yield ok("encoding", "UTF8")
    else:
        yield failed(
            "encoding",
            f"the database's encoding is {encoding}",
            "Move it to one made with ENCODING 'UTF8' TEMPLATE template0.",
        )


def _check_schema(connection: Connection) -> Iterator[Finding]:
    check_complete(name for (name,) in connection.execute(PRESENT))
    where = " on the primary, which this server follows" if _is_standby(connection) else ""
    migrates = f"Run `khala migrate`{where}."
    found, ours = schema_version_of(connection), shipped_schema_version(db_dir())
    if found is None:
        yield failed("schema", "there is no Khala schema", migrates)
        return
    if found != ours:
        older = migrates if found < ours else "Upgrade khala-pg."
        yield failed("schema", f"schema version {found}; this khala-pg is made for {ours}", older)
        return
    owner = connection.execute(
        "SELECT pg_has_role(current_user, 'khala_owner', 'MEMBER')"
    ).fetchone()
    if owner != (True,):
        yield ok("schema", f"version {found} (only a member of khala_owner can compare functions)")
        return
    status = migrate.status(_conninfo(connection))
    if status.pending:
        yield failed("schema", f"pending: {', '.join(status.pending)}", migrates)
        return
    if status.on_standby:
        yield ok("schema", f"version {found}, every change applied; functions: see the primary")
        return
    # Raises for a table, column or grant that is missing, which becomes a finding.
    migrate.verify(_conninfo(connection))
    if status.functions:
        differing = (*status.functions.added, *status.functions.changed)
        yield failed(
            "schema",
            f"functions differ from this khala-pg: {', '.join(differing)}",
            "Run `khala migrate`.",
        )
    else:
        yield ok("schema", f"version {found}, every change applied, every function current")


def _check_roles(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        "SELECT g.rolname, g.rolcanlogin, "
        "       (SELECT count(*) FROM pg_auth_members AS m JOIN pg_roles AS l ON l.oid = m.member "
        "        WHERE m.roleid = g.oid AND l.rolcanlogin) "
        "FROM pg_roles AS g WHERE g.rolname = ANY (%s)",
        ([*_ROLES, *_LIGHTNING_ROLES],),
    ).fetchall()
    found = {name: (can_login, logins) for name, can_login, logins in rows}
    missing = [role for role in (*_ROLES, *_LIGHTNING_ROLES) if role not in found]
    if missing:
        yield failed(
            "roles",
            f"missing: {', '.join(missing)}",
            "Run `khala migrate`. For a backup of another server, make them before you restore it: "
            + " ".join(f"CREATE ROLE {role};" for role in missing),
        )
        return
    for role in ("khala_relay", "khala_runtime"):
        if found[role][1] == 0 and not found[role][0]:
            yield warned(
                "roles",
                f"no login is a member of {role}",
                f"CREATE ROLE my_login LOGIN PASSWORD '…' IN ROLE {role};",
            )
    [(login, has_role)] = connection.execute(
        "SELECT session_user, EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = ANY (%s)"
        " AND pg_has_role(r.oid, 'USAGE'))",
        (list(_ROLES),),
    ).fetchall()
    if not has_role:
        yield failed(
            "roles",
            f"{login} has the privileges of none of {', '.join(_ROLES)}",
            f"GRANT khala_dba TO {Identifier(login).as_string()}; for who administers; "
            "khala_runtime is for writers, khala_relay for relays.",
        )
    else:
        yield ok("roles", "the group roles are there")


def _check_grants(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        "SELECT p.proname, p.oid FROM pg_proc AS p "
        "JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'khala'"
    ).fetchall()
    functions = dict(rows)
    if not functions:
        return  # As the check of the schema says.
    wrong = []
    for role, names in _MUST_CALL.items():
        for name in names:
            may = name in functions and connection.execute(
                "SELECT has_function_privilege(%s, %s::oid, 'EXECUTE') "
                "AND has_schema_privilege(%s, 'khala', 'USAGE')",
                (role, functions[name], role),
            ).fetchone() == (True,)
            if not may:
                wrong.append(f"{role} cannot call khala.{name}")
    open_to_all = connection.execute(
        "SELECT count(*) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace "
        "WHERE n.nspname IN ('khala', 'khala_internal', 'lightning') "
        "AND has_function_privilege('public', p.oid, 'EXECUTE')"
    ).fetchone()
    if open_to_all is not None and open_to_all[0]:
        wrong.append(f"{open_to_all[0]} functions are executable by everybody")
    if wrong:
        yield failed("grants", "; ".join(wrong), GRANTS_ANEW)
    else:
        yield ok("grants", "each role can call what it is for, and nobody else can")


_CHECKS: tuple[Callable[[Connection], Iterator[Finding]], ...] = (
    _check_connection,
    _check_server,
    check_provider,
    _check_schema,
    _check_roles,
    _check_grants,
    server.check_settings,
    server.check_epoch,
    server.check_notifications,
    server.check_transactions,
    check_grouped_topics,
    check_publishers,
    check_attachments,
)


def _conninfo(connection: Connection) -> str:
    return psycopg.conninfo.make_conninfo(
        connection.info.dsn, password=connection.info.password or None
    )
