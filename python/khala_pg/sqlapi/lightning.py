"""Calls of the Lightning control plane. Roles lightning_ops and lightning_owner_api.

Arguments and results are JSON texts: nothing here reads them.
"""

from khala_pg.sqlapi.calls import Connection, scalar


async def call(connection: Connection, function: str, args: str, is_mutation: bool) -> str:
    """Call a function of the operators by its name on the API."""
    query = "SELECT lightning.call(%s, %s::jsonb, %s)::text"
    return str(await scalar(connection, query, function, args, is_mutation))


async def operate(
    connection: Connection,
    org_id: str,
    subject: str,
    function: str,
    args: str,
    idempotency_key: str | None,
) -> str:
    """Set a switch for a signed-in operator."""
    query = "SELECT lightning.operate(%s, %s, %s, %s::jsonb, %s)::text"
    return str(await scalar(connection, query, org_id, subject, function, args, idempotency_key))


async def create_paywall(
    connection: Connection, owner_id: str, args: str, idempotency_key: str | None
) -> str:
    query = "SELECT lightning.create_paywall(%s, %s::jsonb, %s)::text"
    return str(await scalar(connection, query, owner_id, args, idempotency_key))


async def change_paywall(
    connection: Connection, owner_id: str, paywall_id: str, args: str, idempotency_key: str | None
) -> str:
    query = "SELECT lightning.change_paywall(%s, %s, %s::jsonb, %s)::text"
    return str(await scalar(connection, query, owner_id, paywall_id, args, idempotency_key))


async def set_paywall_status(
    connection: Connection, owner_id: str, paywall_id: str, status: str, idempotency_key: str | None
) -> str:
    query = "SELECT lightning.set_paywall_status(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, owner_id, paywall_id, status, idempotency_key))


async def get_paywall(connection: Connection, owner_id: str, paywall_id: str) -> str:
    query = "SELECT lightning.get_paywall(%s, %s)::text"
    return str(await scalar(connection, query, owner_id, paywall_id))


async def list_paywalls(
    connection: Connection, owner_id: str, cursor: str | None, limit: int
) -> str:
    """A page of an owner's paywalls, after a cursor."""
    query = "SELECT lightning.list_paywalls(%s, %s, %s)::text"
    return str(await scalar(connection, query, owner_id, cursor, limit))


async def list_invoices(
    connection: Connection, owner_id: str, paywall_id: str, cursor: str | None, limit: int
) -> str:
    """A page of a paywall's invoices, after a cursor."""
    query = "SELECT lightning.list_invoices(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, owner_id, paywall_id, cursor, limit))


async def list_settlements(
    connection: Connection, owner_id: str, paywall_id: str, cursor: str | None, limit: int
) -> str:
    """A page of a paywall's settlements, after a cursor."""
    query = "SELECT lightning.list_settlements(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, owner_id, paywall_id, cursor, limit))
