"""Calls about a relay's connection itself: schema, terms, parameters, LISTEN. Role khala_relay."""

from khala_pg.sqlapi.calls import Connection, scalar

CHANNEL = "khala_sync"
REVOKED = "revoked:"
"""The payload that says that something was revoked; no topic has such a name."""
STAGED = "staged:"
"""Before the name of a topic: a write to it was staged while its sequencer slept."""
SUPPORTED_SCHEMA_VERSIONS = range(1, 2)


async def schema_version(connection: Connection) -> int:
    """The version of the SQL API in this database."""
    return int(await scalar(connection, "SELECT khala.schema_version()"))


async def terms(connection: Connection) -> tuple[str, int]:
    """Values for every client that joins: the epoch in force, and the largest payload."""
    cursor = await connection.execute("SELECT khala.ensure_epoch(), khala.max_payload_bytes()")
    [(epoch, max_payload_bytes)] = await cursor.fetchall()
    return epoch, max_payload_bytes


async def is_pooled(connection: Connection) -> bool:
    """Whether a pooler answers in the server's place: it hands out process ids of its own."""
    pid = await scalar(connection, "SELECT pg_catalog.pg_backend_pid()")
    return bool(pid != connection.info.backend_pid)


async def set_parameters(connection: Connection, statement_timeout_ms: int) -> None:
    """Set the parameters of a relay's connection.

    Its one write is the wake-up flag, which may be lost in a crash: it need not wait for the disk.
    """
    await connection.execute(
        "SELECT pg_catalog.set_config('synchronous_commit', 'off', false),"
        " pg_catalog.set_config('default_transaction_isolation', 'read committed', false),"
        " pg_catalog.set_config('statement_timeout', %s, false)",
        (str(statement_timeout_ms),),
    )


async def keep_memory(connection: Connection, size: int) -> None:
    """Have the server's process keep the memory of its pages: see relay.process.memory."""
    await connection.execute("SELECT pg_catalog.length(pg_catalog.repeat('x', %s))", (size,))


async def notify(connection: Connection, payload: str) -> None:
    """Send a notification on the wake-up channel; listeners use it to prove that they hear."""
    await connection.execute("SELECT pg_catalog.pg_notify(%s, %s)", (CHANNEL, payload))


async def listen(connection: Connection) -> None:
    """Listen on the wake-up channel; the connection must be in autocommit mode."""
    await connection.execute(f"LISTEN {CHANNEL}")
