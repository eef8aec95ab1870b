"""Reasons why a login may not do something: the role that it lacks, and the GRANT."""

from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import Identifier

from khala_pg.errors import UsageError

_MEMBERSHIP = (
    "SELECT pg_catalog.pg_has_role(r.oid, 'MEMBER'), pg_catalog.pg_has_role(r.oid, 'USAGE')"
    " FROM pg_catalog.pg_roles AS r WHERE r.rolname = %s"
)


def missing(connection: Connection[Any], denied: InsufficientPrivilege, role: str) -> UsageError:
    """The error for a login that was denied what members of `role` may do."""
    found = connection.execute(_MEMBERSHIP, (role,)).fetchone()
    return _error(connection.info.user, denied, role, found)


async def missing_async(
    connection: AsyncConnection[Any], denied: InsufficientPrivilege, role: str
) -> UsageError:
    """As `missing`."""
    found = await (await connection.execute(_MEMBERSHIP, (role,))).fetchone()
    return _error(connection.info.user, denied, role, found)


def _error(
    login: str, denied: InsufficientPrivilege, role: str, found: tuple[bool, bool] | None
) -> UsageError:
    what = denied.diag.message_primary
    name = Identifier(login).as_string()
    match found:
        case None:
            reason, hint = f"the server has no role {role}", "Run `khala migrate`."
        case (False, _):
            reason, hint = f"{login} is not a member of {role}", f"GRANT {role} TO {name};"
        case (_, False):
            reason = f"{login} is a member of {role} and does not inherit its privileges"
            hint = f"GRANT {role} TO {name} WITH INHERIT TRUE; before PostgreSQL 16: "
            hint += f"ALTER ROLE {name} INHERIT;"
        case _:
            reason = f"{login} is a member of {role}, which may not do this in this database"
            hint = "Run `khala migrate`: it grants anew."
    return UsageError(f"{what}: {reason}", hint)
