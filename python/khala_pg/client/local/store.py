"""Stores of what a client keeps across restarts: documents and the watermarks that cover them.

A watermark is only ever saved together with, or after, the documents it covers. A store that loses
its last commits is therefore merely older; a store that had the watermark without the documents
would hide them for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from khala_pg.client.documents import Cursor, Document


@dataclass(frozen=True, slots=True)
class Stored:
    """Content of a store: at most one cursor a topic, and the documents."""

    cursors: Sequence[Cursor] = ()
    documents: Sequence[Document] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Changes to save in one transaction, in this order: `replaced` topics lose their documents and
    their cursor, then `documents` are put, then `cursors` are set."""

    cursors: Sequence[Cursor] = ()
    documents: Sequence[Document] = ()
    replaced: Sequence[str] = ()


class WatermarkStore(Protocol):
    """Store of documents and watermarks. Methods raise StoreError."""

    async def load(self, topics: Sequence[str]) -> Stored:
        """The saved cursors and documents of these topics."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Save all of it or nothing. Durable when it returns, as far as the store is durable."""
        ...

    async def close(self) -> None:
        """Let go of the store. Nothing is called after this."""
        ...


class MemoryStore:
    """Keeps nothing: the client's own cache and cursors last as long as the client does."""

    async def load(self, topics: Sequence[str]) -> Stored:
        return Stored()

    async def commit(self, commit: Commit) -> None:
        return None

    async def close(self) -> None:
        return None
