"""Reasons why a login may not do something: the role that it lacks, and the GRANT."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import Identifier

from khala_pg.errors import UsageError

# Behind a pooler the login may be another one than the connection string names.
_MEMBERSHIP = (
    "SELECT session_user,"
    " pg_catalog.pg_has_role(r.oid, 'MEMBER'), pg_catalog.pg_has_role(r.oid, 'USAGE')"
    " FROM (VALUES (%s::text)) AS wanted (name)"
    " LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = wanted.name"
)


def missing(connection: Connection[Any], denied: InsufficientPrivilege, role: str) -> UsageError:
    """The error for a login that was denied what members of `role` may do."""
    [(login, *found)] = connection.execute(_MEMBERSHIP, (role,)).fetchall()
    return _error(login, denied, role, found)


async def missing_async(
    connection: AsyncConnection[Any], denied: InsufficientPrivilege, role: str
) -> UsageError:
    """As `missing`."""
    [(login, *found)] = await (await connection.execute(_MEMBERSHIP, (role,))).fetchall()
    return _error(login, denied, role, found)


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
            hint = "Run `khala migrate`: it grants anew."
    return UsageError(f"{what}: {reason}", hint)
