"""Writes of a program, in the transaction of its own connection. Role khala_runtime.

The connection is one of psycopg 3, SQLAlchemy or Django; with an asynchronous one the result is
awaited. Nothing is seen before the caller commits, and nothing at all if it rolls back.
"""

import json
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict, overload

from khala_pg.errors import BadValueError
from khala_pg.sqlapi.callers import AsyncCaller, SyncCaller, call

Outcome = Literal["applied", "rewritten", "duplicate", "stale_version", "staged"]
Payload = Mapping[str, Any] | str
"""A JSON object; a string is one as JSON text, such as pydantic's `model_dump_json()` gives."""

# Each value as a string, which every driver sends alike, whatever its size.
_SINK = (
    "SELECT watermark, outcome FROM khala.sink(CAST({topic} AS text), CAST({doc_key} AS text),"
    " CAST({doc_version} AS text)::bigint, CAST({payload} AS text)::jsonb, CAST({org_id} AS text))"
)
_DELETE = (
    "SELECT watermark, outcome FROM khala.sink_delete(CAST({topic} AS text),"
    " CAST({doc_key} AS text), CAST({doc_version} AS text)::bigint, CAST({org_id} AS text))"
)
_BATCH = (
    "SELECT doc_key, watermark, outcome"
    " FROM khala.sink_batch(CAST({topic} AS text), CAST({documents} AS text)::jsonb)"
    " ORDER BY ordinal"
)


@dataclass(frozen=True, slots=True)
class Sunk:
    """What became of one written document.

    watermark: what to wait for to see it (`KhalaClient.wait_for`); None when nothing was written,
    because it was there (duplicate) or a later version is (stale_version), and in a grouped topic,
    where the sequencer gives it later (staged).
    """

    doc_key: str
    watermark: int | None
    outcome: Outcome


class BatchDocument(TypedDict):
    """A document of a batch: its payload, or `deleted`."""

    doc_key: str
    doc_version: NotRequired[int | None]
    payload: NotRequired[Mapping[str, Any]]
    deleted: NotRequired[bool]
    org_id: NotRequired[str | None]


@overload
def sink(
    connection: AsyncCaller,
    topic: str,
    key: str,
    payload: Payload,
    *,
    org_id: str | None,
    version: int | None = None,
) -> Awaitable[Sunk]: ...
@overload
def sink(
    connection: SyncCaller,
    topic: str,
    key: str,
    payload: Payload,
    *,
    org_id: str | None,
    version: int | None = None,
) -> Sunk: ...
def sink(
    connection: Any,
    topic: str,
    key: str,
    payload: Payload,
    *,
    org_id: str | None,
    version: int | None = None,
) -> Any:
    """Write one version of a document, as `khala.sink` does.

    org_id: the organisation that may see it; None: everybody, in a topic that allows that.
    version: grows with each change, and makes a repeated call a duplicate; None: the next one.

    Raises RefusedError, whose sqlstate and hint say why, BadValueError for a payload that is no
    JSON and for strings that cannot be stored, and UnavailableError. After an error of the database
    the transaction can only roll back.
    """
    text = payload if isinstance(payload, str) else _json(payload, f"the payload of {key!r}")
    values = {
        "topic": topic,
        "doc_key": key,
        "doc_version": _digits(version),
        "payload": text,
        "org_id": org_id,
    }
    return call(connection, _SINK, values, lambda rows: Sunk(key, *rows[0]))


@overload
def sink_delete(
    connection: AsyncCaller,
    topic: str,
    key: str,
    *,
    org_id: str | None = None,
    version: int | None = None,
) -> Awaitable[Sunk]: ...
@overload
def sink_delete(
    connection: SyncCaller,
    topic: str,
    key: str,
    *,
    org_id: str | None = None,
    version: int | None = None,
) -> Sunk: ...
def sink_delete(
    connection: Any,
    topic: str,
    key: str,
    *,
    org_id: str | None = None,
    version: int | None = None,
) -> Any:
    """Delete a document: everybody who saw it sees that it is gone. Raises as `sink` does.

    org_id: used only when no such document is stored.
    """
    values = {
        "topic": topic,
        "doc_key": key,
        "doc_version": _digits(version),
        "org_id": org_id,
    }
    return call(connection, _DELETE, values, lambda rows: Sunk(key, *rows[0]))


@overload
def sink_batch(
    connection: AsyncCaller, topic: str, documents: Iterable[BatchDocument]
) -> Awaitable[list[Sunk]]: ...
@overload
def sink_batch(
    connection: SyncCaller, topic: str, documents: Iterable[BatchDocument]
) -> list[Sunk]: ...
def sink_batch(connection: Any, topic: str, documents: Iterable[BatchDocument]) -> Any:
    """Write many documents of one topic, all or none; a result for each, in their order.

    Raises as `sink` does; `detail` of a RefusedError has the ordinal of the document.
    """
    values = {"topic": topic, "documents": _json(list(documents), "a document of the batch")}
    return call(connection, _BATCH, values, lambda rows: [Sunk(*row) for row in rows])


def _digits(version: int | None) -> str | None:
    return None if version is None else str(version)


def _json(value: Mapping[str, Any] | Sequence[Any], what: str) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadValueError(
            f"{what} is not JSON: {error}",
            "Use str, int, float, bool, None, lists and dicts, or give the payload as JSON text: "
            "json.dumps(payload, default=str), or model_dump_json() of a pydantic model.",
        ) from error


def _plain(value: object) -> dict[Any, Any]:
    """A mapping that is no dict, such as a row of SQLAlchemy, as one."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
