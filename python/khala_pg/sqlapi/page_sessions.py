"""Calls of those who make links to the admin page and end its sessions. Role khala_dba.

Synchronous.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is not used yet: its session, who signs in, and until when it can be used."""

    session_id: str
    person: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PageSession:
    """A session, or a link to one as long as signed_in_at is None. org_ids: None for any."""

    session_id: str
    person: str
    org_ids: list[str] | None
    created_at: datetime
    created_by: str
    signed_in_at: datetime | None
    expires_at: datetime


def create_link(
    connection: Connection[Any],
    code: str,
    org_ids: Sequence[str] | None,
    first: str | None,
    person: str | None,
) -> Link:
    """Store a link.

    org_ids: organisations that its session is for, None for any. first: the one to show first.
    person: whom its tokens name; None: the login.
    """
    with connection.cursor(row_factory=class_row(Link), binary=True) as cursor:
        link = cursor.execute(
            "SELECT l.session_id, l.person, l.expires_at FROM khala.create_page_link("
            " p_code_hash => %s, p_org_ids => %s, p_first_org_id => %s, p_person => %s) AS l",
            (_hash(code), None if org_ids is None else list(org_ids), first, person),
        ).fetchone()
    if link is None:
        raise RuntimeError("khala.create_page_link returned no row")
    return link


def keep(connection: Connection[Any], cookie: str, first: str, person: str) -> None:
    """Have a session for any organisation with that cookie: the one there is, or a new one."""
    connection.execute(
        "SELECT khala.sign_in_page(%(hash)s, %(hash)s) FROM ("
        " SELECT khala.create_page_link(%(hash)s, NULL, %(first)s, '9600 hours',"
        "  %(person)s)"
        " WHERE khala.page_session(%(hash)s) IS NULL OFFSET 0) AS made",
        {"hash": _hash(cookie), "first": first, "person": person},
    )


def sessions(connection: Connection[Any]) -> Sequence[PageSession]:
    """Sessions and unused links, oldest first."""
    with connection.cursor(row_factory=class_row(PageSession), binary=True) as cursor:
        return cursor.execute(
            "SELECT s.session_id, s.person, s.org_ids, s.created_at, s.created_by, s.signed_in_at,"
            " s.expires_at FROM khala.list_page_sessions() AS s"
        ).fetchall()


def end(connection: Connection[Any], session_id: str | None) -> int:
    """End a session or link, or all with None; how many there were."""
    row = connection.execute("SELECT khala.end_page_session(%s)", (session_id,)).fetchone()
    return 0 if row is None else int(row[0])


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
