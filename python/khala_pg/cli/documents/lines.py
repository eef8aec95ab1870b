"""Documents as JSON: read from a payload or from the lines of a batch, and printed as a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from khala_pg import strict_json
from khala_pg.canonical import exact_float
from khala_pg.cli.input import decoded
from khala_pg.cli.text import json_text
from khala_pg.errors import KhalaError, UsageError
from khala_pg.sqlapi.documents import Document
from khala_pg.sqlapi.write import BatchDocument

NAME_OWNER = (
    "Name the owner with --org, or nobody with --public, as the topic wants it (`khala topics` "
    "shows its ownership)."
)
_BATCH_LINES = 1000
_BATCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its number from 1, and the document in it, which the database judges."""

    number: int
    document: BatchDocument


def batches(source: BinaryIO, *, org_id: str | None, is_public: bool) -> Iterator[list[Line]]:
    """The lines that are not blank, in parts that one transaction writes.

    org_id: the organisation of lines that name none. is_public: they are everybody's. Raises
    UsageError for a line that is no JSON object or has no owner, after what stands before it.
    """
    batch: list[Line] = []
    size = 0
    for number, raw in enumerate(source, 1):
        if not raw.strip():
            continue
        try:
            document = json_object(raw)
        except ValueError as error:
            if batch:
                yield batch
            raise UsageError(
                f"line {number} is no document: {error}",
                'Write one object a line: {"doc_key": …, "payload": {…}}.',
            ) from error
        if org_id is not None:
            document.setdefault("org_id", org_id)
        elif "org_id" not in document and not (is_public or document.get("deleted")):
            # In a mixed topic everybody would see it.
            if batch:
                yield batch
            raise UsageError(f"line {number} names no organisation", NAME_OWNER)
        if len(batch) == _BATCH_LINES or size + len(raw) > _BATCH_BYTES:
            if batch:
                yield batch
            batch, size = [], 0
        batch.append(Line(number, cast("BatchDocument", document)))
        size += len(raw)
    if batch:
        yield batch


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises ValueError with the reason when there is none."""
    text = decoded(raw)
    value = strict_json.loads(text, parse_float=exact_float)
    if not isinstance(value, dict):
        raise ValueError("it is JSON, but no object")
    if strict_json.holds_nul(text):
        raise ValueError("it holds U+0000, which the database cannot store")
    return value


def place(error: KhalaError, lines: list[Line]) -> str:
    """Which of the lines an error of the database is about."""
    detail = getattr(error, "detail", None)
    ordinal = detail.get("ordinal") if isinstance(detail, dict) else None
    if isinstance(ordinal, int) and 0 < ordinal <= len(lines):
        return f"line {lines[ordinal - 1].number}"
    if len(lines) == 1:
        return f"line {lines[0].number}"
    return f"lines {lines[0].number} to {lines[-1].number}"


def as_line(topic: str, document: Document) -> str:
    """A document as one line of JSON."""
    return json_text(
        {
            "topic": topic,
            "doc_key": document.doc_key,
            "doc_version": document.doc_version,
            "watermark": document.watermark,
            "org_id": document.org_id,
            "updated_at": document.updated_at.isoformat(),
            "payload": document.payload,
        }
    )
