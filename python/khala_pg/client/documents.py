"""The values a client deals in: updates as they arrive, documents as they are kept, changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Position in a topic: everything up to `watermark`, counted within `epoch`.

    org: the organisation that saw it, and the prefixes if its token was limited to some: another
    one's documents are others.
    """

    topic: str
    watermark: int
    epoch: str | None
    org: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """One version of a document as announced. `payload` is None for a pointer or a tombstone.

    payload_bytes: the payload as the server sent it, where it sent canonical bytes.
    """

    topic: str
    doc_key: str
    doc_version: int
    watermark: int
    payload_hash: bytes
    hydration_required: bool
    deleted: bool
    payload: Payload | None
    payload_bytes: bytes | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of versions: of two, the higher stands."""
        return (self.doc_version, self.watermark)


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a document as kept, its hash verified. A tombstone has no payload."""

    topic: str
    doc_key: str
    doc_version: int
    watermark: int
    payload_hash: bytes
    deleted: bool
    payload: Payload | None

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of versions: of two, the higher stands."""
        return (self.doc_version, self.watermark)

    def same_content(self, other: "Document") -> bool:
        """Whether both have the same version and content; watermarks do not count."""
        return (self.doc_version, self.deleted, self.payload_hash) == (
            other.doc_version,
            other.deleted,
            other.payload_hash,
        )


class ChangeKind(StrEnum):
    PUT = "put"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One document changed.

    `document` is the version that stands now. It is None when a snapshot no longer held the
    document, so that nothing is known but that it is gone.
    """

    kind: ChangeKind
    topic: str
    doc_key: str
    document: Document | None
    previous: Document | None
