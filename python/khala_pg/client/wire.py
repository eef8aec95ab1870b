"""Decoder of the server's messages: JSON in, values out, ProtocolError for anything else."""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from khala_pg.canonical import hash_from_base64
from khala_pg.client.documents import Update
from khala_pg.client.errors import (
    ClientError,
    ForbiddenTopicError,
    ProtocolError,
    RequestRefusedError,
    RetryLaterError,
    StaleCursorError,
    StaleTopic,
    TransportError,
    UnauthorizedError,
)

_FINAL = {"payload_too_large", "bad_subscription"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One Phoenix V2 message. `data` is the payload of a binary one, whose `payload` is empty."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, Any]
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A page of updates and how far it covers each topic."""

    updates: list[Update]
    replay_complete: bool
    heads: dict[str, int]
    covered: dict[str, int]


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page of a topic's documents as they are now."""

    topic: str
    epoch: str
    watermark: int
    documents: list[Update]
    next_doc_key: str | None
    complete: bool


def parse(text: str | bytes) -> Mapping[str, Any]:
    """A JSON object. Raises ProtocolError."""
    value = _json(text)
    if not isinstance(value, dict):
        raise ProtocolError("the server sent JSON that is not an object")
    return value


def frame(text: str | bytes) -> Frame:
    """One message of the socket. Raises ProtocolError."""
    if isinstance(text, bytes):
        raise ProtocolError("the server sent a binary message on the JSON lane")
    value = _json(text)
    match value:
        case [str() | None, str() | None, str(), str(), dict()]:
            return Frame(*value)
    raise ProtocolError("the server sent a message that is not a Phoenix V2 frame")


def counter(value: object, what: str) -> int:
    """A watermark or version: a JSON number or, beyond 2^53 - 1, a string. Raises ProtocolError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    raise ProtocolError(f"{what} is neither a whole number nor a string of digits")


def watermarks(value: object, what: str) -> dict[str, int]:
    """`[{"topic", "watermark"}…]` as a map. Absent is empty. Raises ProtocolError."""
    found: dict[str, int] = {}
    for entry in _list(value, what):
        entry = _object(entry, what)
        found[_text(entry, "topic")] = counter(entry.get("watermark"), what)
    return found


def update(value: object) -> Update:
    """One update. Raises ProtocolError."""
    fields = _object(value, "update")
    payload = fields.get("payload")
    deleted = fields.get("deleted", False)
    pointer = fields.get("hydration_required", False)
    if not isinstance(deleted, bool) or not isinstance(pointer, bool):
        raise ProtocolError("a flag of an update is not true or false")
    if (payload is None) != (deleted or pointer):
        raise ProtocolError("an update has a payload exactly if it is no pointer and no tombstone")
    return Update(
        topic=_text(fields, "topic"),
        doc_key=_text(fields, "doc_key"),
        doc_version=counter(fields.get("doc_version"), "doc_version"),
        watermark=counter(fields.get("watermark"), "watermark"),
        payload_hash=_hash(fields.get("payload_hash"), deleted),
        hydration_required=pointer and not deleted,
        deleted=deleted,
        payload=None if payload is None else _object(payload, "payload"),
    )


def batch(payload: Mapping[str, Any]) -> Batch:
    """The payload of `sync:update_batch`. Raises ProtocolError."""
    return Batch(
        updates=[update(entry) for entry in _list(payload.get("updates"), "updates")],
        replay_complete=payload.get("replay_complete") is True,
        heads=watermarks(payload.get("head_watermarks"), "head_watermarks"),
        covered=watermarks(payload.get("covered_watermarks"), "covered_watermarks"),
    )


def snapshot_page(text: str | bytes) -> SnapshotPage:
    """The body of a snapshot response. Raises ProtocolError."""
    fields = parse(text)
    next_doc_key = fields.get("next_doc_key")
    if next_doc_key is not None and not isinstance(next_doc_key, str):
        raise ProtocolError("next_doc_key is not a string")
    complete = fields.get("complete") is True
    if not complete and next_doc_key is None:
        raise ProtocolError("a snapshot page that is not the last has no next_doc_key")
    return SnapshotPage(
        topic=_text(fields, "topic"),
        epoch=_text(fields, "epoch"),
        watermark=counter(fields.get("watermark"), "watermark"),
        documents=[update(entry) for entry in _list(fields.get("documents"), "documents")],
        next_doc_key=next_doc_key,
        complete=complete,
    )


def timestamp(value: object) -> datetime | None:
    """A time in RFC 3339 form; None if there is none. Raises ProtocolError."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ProtocolError(f"not a time: {value!r}") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def error(payload: Mapping[str, Any]) -> ClientError:
    """The error that a `sync:error` payload, an error reply or an HTTP body stands for."""
    code = str(payload.get("code", "internal"))
    message = str(payload.get("message") or payload.get("reason") or code)
    if code == "stale_cursor":
        entries = [_stale(entry) for entry in _list(payload.get("stale_topics"), "stale_topics")]
        return StaleCursorError(message, entries)
    if code == "unauthorized":
        return UnauthorizedError(message)
    if code == "forbidden_topic":
        topics = [str(t) for t in _list(payload.get("forbidden_topics"), "forbidden_topics")]
        return ForbiddenTopicError(message, topics)
    if code in _FINAL:
        return RequestRefusedError(code, message)
    wait = retry_after(payload)
    if wait is not None:
        return RetryLaterError(f"{message} ({code})", wait)
    if code == "bad_frame":
        return ProtocolError(f"the server could not read a message of ours: {message}")
    # What this client does not know is treated like `internal`.
    return TransportError(f"{message} ({code})")


def response(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """The response of an ok reply; the error of another is raised. Raises ProtocolError."""
    found = reply.get("response")
    if not isinstance(found, dict):
        raise ProtocolError("a reply has no response")
    if reply.get("status") != "ok":
        raise error(found)
    return found


def retry_after(payload: Mapping[str, Any]) -> float | None:
    """The wait a server asks for, in seconds. Raises ProtocolError."""
    value = payload.get("retry_after_ms")
    return None if value is None else max(0, counter(value, "retry_after_ms")) / 1000


def _stale(value: object) -> StaleTopic:
    fields = _object(value, "stale_topics")
    resume_after = fields.get("resume_after")
    floor = fields.get("retention_floor")
    reason = fields.get("reason")
    return StaleTopic(
        topic=_text(fields, "topic"),
        resume_after=None if resume_after is None else counter(resume_after, "resume_after"),
        retention_floor=None if floor is None else counter(floor, "retention_floor"),
        reason=None if reason is None else str(reason),
    )


def _hash(value: object, deleted: bool) -> bytes:
    if deleted and value in (None, ""):
        return b""
    try:
        return hash_from_base64(str(value))
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"payload_hash: {error}") from error


def _json(text: str | bytes) -> Any:
    # Not strictly, which takes 2.8 times as long: Postgres keeps no key or number
    # that strict_json refuses, and every payload is compared with its hash.
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the server sent what is not JSON: {error}") from error


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not an object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ProtocolError(f"{what} is not a list")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"{name} is not a string")
    return value
