"""Calls of the admin page: its sessions, and what administrators read. Role khala_relay.

Results are JSON texts. Those about a session are `null` when there is none.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from khala_pg.sqlapi.calls import Connection, scalar

NONE = "null"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Documents that an administrator wants: arguments of khala.admin_documents."""

    topic: str
    owner: str | None
    prefix: str | None
    after: str | None
    limit: int
    payloads: bool


async def sign_in(connection: Connection, code_hash: bytes, cookie_hash: bytes) -> str:
    """Open the session of a link."""
    query = "SELECT coalesce(khala.sign_in_page(%s, %s), 'null')::text"
    return str(await scalar(connection, query, code_hash, cookie_hash))


async def session(connection: Connection, cookie_hash: bytes) -> str:
    query = "SELECT coalesce(khala.page_session(%s), 'null')::text"
    return str(await scalar(connection, query, cookie_hash))


async def identity(connection: Connection, cookie_hash: bytes, org_id: str | None) -> str:
    """Subject, organisation, scopes and id of a token; org_id None: for reads of administrators."""
    query = (
        "SELECT coalesce((SELECT to_json(i) FROM khala.page_identity(%s, %s) AS i), 'null')::text"
    )
    return str(await scalar(connection, query, cookie_hash, org_id))


async def sign_out(connection: Connection, cookie_hash: bytes) -> str:
    """End a session; whether there was one."""
    query = "SELECT to_json(khala.sign_out_page(%s))::text"
    return str(await scalar(connection, query, cookie_hash))


async def topics(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_topics(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def organisations(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_organisations(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def documents(
    connection: Connection, org_id: str, scopes: Sequence[str], wanted: Wanted
) -> str:
    """A page of a topic's documents, tombstones too."""
    query = "SELECT khala.admin_documents(%s, %s, %s, %s, %s, %s, %s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes), *astuple(wanted)))


async def history(
    connection: Connection,
    org_id: str,
    scopes: Sequence[str],
    topic: str,
    doc_key: str,
    before: int | None,
    limit: int,
) -> str:
    """A page of a document's versions, newest first."""
    query = "SELECT khala.admin_history(%s, %s, %s, %s, %s, %s)::text"
    values = (org_id, list(scopes), topic, doc_key, before, limit)
    return str(await scalar(connection, query, *values))


async def relays(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_relays(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def activity(
    connection: Connection, org_id: str, scopes: Sequence[str], topic: str | None
) -> str:
    query = "SELECT khala.admin_activity(%s, %s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes), topic))


async def retention(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_retention(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def publishers(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_publishers(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def parity(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_parity(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))


async def flags(connection: Connection, org_id: str, scopes: Sequence[str]) -> str:
    query = "SELECT khala.admin_flags(%s, %s)::text"
    return str(await scalar(connection, query, org_id, list(scopes)))
