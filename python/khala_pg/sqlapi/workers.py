"""Calls of the API of runs and codex workers. Role khala_relay. Results are JSON texts."""

from khala_pg.sqlapi.calls import Connection, scalar


async def list_codex_workers(
    connection: Connection, org_id: str, status: str | None, cursor: str | None, limit: int
) -> str:
    """A page of an organisation's workers, after a cursor."""
    query = "SELECT khala.list_codex_workers(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, org_id, status, cursor, limit))


async def get_codex_worker(connection: Connection, org_id: str, worker_id: str) -> str:
    query = "SELECT khala.get_codex_worker(%s, %s)::text"
    return str(await scalar(connection, query, org_id, worker_id))


async def list_codex_worker_events(
    connection: Connection, org_id: str, worker_id: str, after: int, limit: int
) -> str:
    """A page of a worker's events, after a sequence number."""
    query = "SELECT khala.list_codex_worker_events(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, org_id, worker_id, after, limit))


async def request_codex_worker(
    connection: Connection,
    org_id: str,
    worker_id: str,
    request: str,
    requested_by: str,
    idempotency_key: str | None,
) -> str:
    """Send a request, a JSON text, to a worker."""
    query = "SELECT khala.request_codex_worker(%s, %s, %s::jsonb, %s, %s)::text"
    values = (org_id, worker_id, request, requested_by, idempotency_key)
    return str(await scalar(connection, query, *values))


async def stop_codex_worker(
    connection: Connection,
    org_id: str,
    worker_id: str,
    reason: str | None,
    requested_by: str,
    idempotency_key: str | None,
) -> str:
    query = "SELECT khala.stop_codex_worker(%s, %s, %s, %s, %s)::text"
    values = (org_id, worker_id, reason, requested_by, idempotency_key)
    return str(await scalar(connection, query, *values))


async def get_run(connection: Connection, org_id: str, run_id: str) -> str:
    query = "SELECT khala.get_run(%s, %s)::text"
    return str(await scalar(connection, query, org_id, run_id))


async def list_run_events(
    connection: Connection, org_id: str, run_id: str, after: int, limit: int
) -> str:
    """A page of a run's events, after a sequence number."""
    query = "SELECT khala.list_run_events(%s, %s, %s, %s)::text"
    return str(await scalar(connection, query, org_id, run_id, after, limit))
