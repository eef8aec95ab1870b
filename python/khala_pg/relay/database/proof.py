"""Proof that a relay can work through a connection."""

from typing import NamedTuple

from psycopg.sql import Identifier

from khala_pg.conninfo import PRIMARY
from khala_pg.errors import ReadOnlyError, UsageError
from khala_pg.migration.schemas import check_complete
from khala_pg.sqlapi import relay_connection as sqlapi
from khala_pg.sqlapi.calls import Connection
from khala_pg.sqlapi.roles import RELAY, explained

_RESET = {
    "user": "ALTER ROLE {role} RESET default_transaction_read_only",
    "database": "ALTER DATABASE {database} RESET default_transaction_read_only",
    "database user": (
        "ALTER ROLE {role} IN DATABASE {database} RESET default_transaction_read_only"
    ),
    "configuration file": (
        "ALTER SYSTEM RESET default_transaction_read_only and SELECT pg_reload_conf()"
    ),
}


class Terms(NamedTuple):
    """Values for every client that joins: the epoch in force, and the largest payload in bytes."""

    epoch: str
    max_payload_bytes: int


async def prove(connection: Connection) -> Terms:
    """Does once what serving needs: reads a page, and looks whether a topic could be armed.

    Raises KhalaError with the reason when a relay cannot work through the connection.
    """
    await _refuse_standby(connection)
    await _refuse_read_only(connection)
    check_complete(await sqlapi.present_schemas(connection))
    terms = await _terms(connection)
    async with explained(connection, RELAY):
        await sqlapi.replay_some_topic(connection)
    return terms


async def begin(connection: Connection) -> Terms:
    """Checks what has to be known before a connection is used. Raises KhalaError as `prove`.

    A standby is refused here too: a connection to it outlives its promotion, and the epoch of
    before would go on for a while.
    """
    await _refuse_standby(connection)
    return await _terms(connection)


async def _terms(connection: Connection) -> Terms:
    async with explained(connection, RELAY):
        _require_known(await sqlapi.schema_version(connection))
        return Terms(*await sqlapi.terms(connection))


async def _refuse_read_only(connection: Connection) -> None:
    source = await sqlapi.read_only_source(connection)
    if source is not None:
        login, database = (Identifier(name).as_string() for name in await sqlapi.place(connection))
        reset = _RESET.get(source, "remove default_transaction_read_only from the connection")
        raise ReadOnlyError(
            f"the database takes no writes: default_transaction_read_only is on ({source})",
            f"A relay writes the flag that it wants to be woken (khala.arm). If nobody meant this: "
            f"{reset.format(role=login, database=database)}.",
        )


async def _refuse_standby(connection: Connection) -> None:
    if await sqlapi.is_standby(connection):
        raise ReadOnlyError(
            "this server is a standby, where nothing can be written and LISTEN does not work",
            f"{PRIMARY} The relay goes on by itself when this server is promoted.",
        )


def _require_known(version: int) -> None:
    known = sqlapi.SUPPORTED_SCHEMA_VERSIONS
    if version in known:
        return
    if version >= known.stop:
        raise UsageError(
            f"the database has version {version} of Khala's schema, "
            f"this relay knows it up to {known.stop - 1}",
            "Upgrade khala-pg here to the version that migrated the database.",
        )
    raise UsageError(
        f"the database has version {version} of Khala's schema, this relay needs {known.start}",
        "Run `khala migrate` on it.",
    )
