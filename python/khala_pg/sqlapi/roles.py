"""Reasons why a login may not do something: the role that it lacks, and the GRANT."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from khala_pg.connections import AsyncConnection, Connection, connect
from khala_pg.errors import KhalaError, UsageError
from khala_pg.sqlapi.topic_names import UNKNOWN_TOPIC, with_suggestion

DBA, RELAY, RUNTIME = "khala_dba", "khala_relay", "khala_runtime"
PUBLISHER = "khala_publisher"

GRANTS_ANEW = (
    "Run `khala migrate`: it grants functions anew. If that is not enough, a backup was made or "
    "restored with --no-privileges: leave that out."
)

# Behind a pooler the login may be another one than the connection string names.
_MEMBERSHIP = (
    "SELECT session_user,"
    " pg_catalog.pg_has_role(r.oid, 'MEMBER'), pg_catalog.pg_has_role(r.oid, 'USAGE')"
    " FROM (VALUES (%s::text)) AS wanted (name)"
    " LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = wanted.name"
)


@contextmanager
def connected(database: str, role: str, **parameters: Any) -> Iterator[Connection]:
    """A connection for what members of `role` may do. parameters: as for `connections.connect`.

    Raises UsageError with the missing role and the GRANT when the login may not do it, and
    RefusedError with the topics that an unknown one resembles.
    """
    with connect(database, **parameters) as connection:
        try:
            yield connection
        except (psycopg.Error, KhalaError) as failed:
            # A call that is part of the package's API raises errors of ours.
            cause = failed.__cause__ if isinstance(failed, KhalaError) else failed
            if isinstance(cause, InsufficientPrivilege):
                [(login, *found)] = connection.execute(_MEMBERSHIP, (role,)).fetchall()
                raise _error(login, cause, role, found) from cause
            if isinstance(cause, psycopg.Error) and cause.sqlstate == UNKNOWN_TOPIC:
                suggestion = with_suggestion(connection, cause)
                if suggestion is not None:
                    raise suggestion from cause
            raise


@asynccontextmanager
async def explained(connection: AsyncConnection, role: str) -> AsyncIterator[None]:
    """As `connected`, for calls through a connection that is there."""
    try:
        yield
    except InsufficientPrivilege as denied:
        [(login, *found)] = await (await connection.execute(_MEMBERSHIP, (role,))).fetchall()
        raise _error(login, denied, role, found) from denied


def take(connection: Connection, names: Sequence[str]) -> None:
    """Grants roles to the login itself, those whose privileges it does not have yet.

    Raises UsageError with the GRANT when it may not.
    """
    for name in names:
        [(login, _, has_it)] = connection.execute(_MEMBERSHIP, (name,)).fetchall()
        if has_it:
            continue
        grant = SQL("GRANT {} TO {}").format(Identifier(name), Identifier(login))
        try:
            connection.execute(grant)
        except InsufficientPrivilege as denied:
            hint = f"As a superuser: {grant.as_string()};"
            raise UsageError(f"{login} is not a member of {name}", hint) from denied


def _error(
    login: str, denied: InsufficientPrivilege, role: str, found: Sequence[bool | None]
) -> UsageError:
    what = denied.diag.message_primary
    name = Identifier(login).as_string()
    match found:
        case [None, _]:
            reason, hint = f"the server has no role {role}", "Run `khala migrate`."
        case [False, _]:
            reason, hint = f"{login} is not a member of {role}", f"GRANT {role} TO {name};"
        case [_, False]:
            reason = f"{login} is a member of {role} and does not inherit its privileges"
            hint = f"GRANT {role} TO {name} WITH INHERIT TRUE; before PostgreSQL 16: "
            hint += f"ALTER ROLE {name} INHERIT;"
        case _:
            reason = f"{login} is a member of {role}, which may not do this in this database"
            hint = GRANTS_ANEW
    return UsageError(f"{what}: {reason}", hint)
