"""Documents of the read model, of every owner. Roles khala_runtime, khala_dba. Synchronous."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the read model. org_id: None for a public one, payload: for a tombstone."""

    doc_key: str
    doc_version: int
    watermark: int
    org_id: str | None
    deleted: bool
    updated_at: datetime
    payload: Any


def get(connection: Connection[Any], topic: str, doc_key: str) -> Document | None:
    """A document or its tombstone; None when there never was one."""
    with connection.cursor(row_factory=class_row(Document), binary=True) as cursor:
        return cursor.execute(
            "SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, d.deleted, d.updated_at,"
            " d.payload FROM khala.get_document(%s, %s) AS d",
            (topic, doc_key),
        ).fetchone()


def query(
    connection: Connection[Any],
    topic: str,
    *,
    prefix: str | None,
    org_id: str | None,
    where: Sequence[str],
    limit: int,
    newest: bool,
) -> Sequence[Document]:
    """Documents, without tombstones. where: jsonpath predicates that all have to be true."""
    with connection.cursor(row_factory=class_row(Document), binary=True) as cursor:
        return cursor.execute(
            "SELECT d.doc_key, d.doc_version, d.watermark, d.org_id, FALSE AS deleted,"
            " d.updated_at, d.payload"
            " FROM khala.query_documents(%s, %s, %s, %s::text[], %s::integer, %s) AS d",
            (topic, prefix, org_id, list(where), limit, newest),
        ).fetchall()
