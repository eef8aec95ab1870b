"""Calls about a relay's connection itself: schema, terms, parameters, LISTEN. Role khala_relay."""

from khala_pg.migration.schemas import PRESENT
from khala_pg.sqlapi.calls import Connection, raw_rows, scalar

CHANNEL = "khala_sync"
REVOKED = "revoked:"
"""The payload that says that something was revoked; no topic has such a name."""
STAGED = "staged:"
"""Before the name of a topic: a write to it was staged while its sequencer slept."""
POOLED = "SELECT pg_catalog.pg_backend_pid() <> %s"
"""Query with the process id that the connection was given: a pooler hands out ids of its own."""
SUPPORTED_SCHEMA_VERSIONS = range(1, 2)


async def schema_version(connection: Connection) -> int:
    """The version of the SQL API in this database."""
    return int(await scalar(connection, "SELECT khala.schema_version()"))


async def terms(connection: Connection) -> tuple[str, int]:
    """Values for every client that joins: the epoch in force, and the largest payload."""
    cursor = await connection.execute("SELECT khala.ensure_epoch(), khala.max_payload_bytes()")
    [(epoch, max_payload_bytes)] = await cursor.fetchall()
    return epoch, max_payload_bytes


async def is_standby(connection: Connection) -> bool:
    """Whether the server is in recovery."""
    return bool(await scalar(connection, "SELECT pg_catalog.pg_is_in_recovery()"))


async def place(connection: Connection) -> tuple[str, str]:
    """Login and database by the server's names: behind a pooler both may be other ones."""
    cursor = await connection.execute("SELECT session_user, pg_catalog.current_database()")
    [(login, database)] = await cursor.fetchall()
    return login, database


async def present_schemas(connection: Connection) -> list[str]:
    """Khala's schemas that are there; a part of a backup has some of them."""
    return [name for (name,) in await (await connection.execute(PRESENT)).fetchall()]


async def read_only_source(connection: Connection) -> str | None:
    """Where it is set that transactions are read-only, in the words of pg_settings.source; None
    when they are not."""
    if not await scalar(
        connection,
        "SELECT pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool",
    ):
        return None
    source = await scalar(
        connection,
        "SELECT s.source FROM pg_catalog.pg_settings AS s"
        " WHERE s.name = 'default_transaction_read_only'",
    )
    return str(source)


async def replay_some_topic(connection: Connection) -> None:
    """Read a page of a topic, from its head: no update is in it, whatever the topic holds."""
    query = (
        "SELECT page.page FROM (SELECT h.topic, h.head_watermark"
        " FROM khala.head_watermarks(NULL) AS h LIMIT 1) AS known,"
        " khala.replay(known.topic, known.head_watermark, NULL, $1::integer) AS page"
    )
    await raw_rows(connection, query, 1)


async def is_pooled(connection: Connection) -> bool:
    """Whether a pooler responds in the server's place."""
    return bool(await scalar(connection, POOLED, connection.info.backend_pid))


async def set_parameters(connection: Connection, statement_timeout_ms: int) -> None:
    """Set the parameters of a relay's connection.

    Its one write is the wake-up flag, which may be lost in a crash: it need not wait for the disk.
    """
    await stay(connection)
    await connection.execute(
        "SELECT pg_catalog.set_config('synchronous_commit', 'off', false),"
        " pg_catalog.set_config('default_transaction_isolation', 'read committed', false),"
        " pg_catalog.set_config('statement_timeout', %s, false)",
        (str(statement_timeout_ms),),
    )


async def stay(connection: Connection) -> None:
    """Have the server keep the connection, however long nothing is written."""
    await connection.execute("SELECT pg_catalog.set_config('idle_session_timeout', '0', false)")


async def keep_memory(connection: Connection, size: int) -> None:
    """Have the server's process keep the memory of its pages: see relay.process.memory."""
    await connection.execute("SELECT pg_catalog.length(pg_catalog.repeat('x', %s))", (size,))


async def notify(connection: Connection, payload: str) -> None:
    """Send a notification on the wake-up channel; listeners use it to prove that they hear."""
    await connection.execute("SELECT pg_catalog.pg_notify(%s, %s)", (CHANNEL, payload))


async def listen(connection: Connection) -> None:
    """Listen on the wake-up channel; the connection must be in autocommit mode."""
    await connection.execute(f"LISTEN {CHANNEL}")
