"""The local copy of some topics: cache, cursors, store and listeners, moved forward together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from khala_pg.client.documents import Change, Cursor, Document
from khala_pg.client.feed import ChangeFeed
from khala_pg.client.local.cache import DocumentCache
from khala_pg.client.local.store import Commit, WatermarkStore


class Replica:
    """Not safe for concurrent callers: one connection at a time moves it."""

    def __init__(self, store: WatermarkStore, feed: ChangeFeed) -> None:
        self._store = store
        self._feed = feed
        self._cache = DocumentCache()
        self._cursors: dict[str, Cursor] = {}
        self._org = ""

    async def load(self, topics: Sequence[str]) -> None:
        """Begin with what the store holds. Raises StoreError."""
        stored = await self._store.load(topics)
        self._cache = DocumentCache(stored.documents)
        self._cursors = {cursor.topic: cursor for cursor in stored.cursors}

    async def belong_to(self, org: str) -> Sequence[str]:
        """Continue for this organisation. Topics that another one has seen are dropped, from the
        store too; returns them. Raises StoreError.
        """
        self._org = org
        others = [cursor.topic for cursor in self._cursors.values() if cursor.org != org]
        if others:
            changes = [change for topic in others for change in self._cache.replace(topic, ())]
            for topic in others:
                del self._cursors[topic]
            await self._finish(changes, Commit(replaced=others))
        return others

    def cursor(self, topic: str) -> Cursor | None:
        """The cursor of a topic; None if it was never seen."""
        return self._cursors.get(topic)

    def documents(self, topic: str) -> Mapping[str, Document]:
        return self._cache.documents(topic)

    def get(self, topic: str, doc_key: str) -> Document | None:
        """The version of a document that stands, a tombstone too."""
        return self._cache.get(topic, doc_key)

    async def advance(self, documents: Sequence[Document], cursors: Sequence[Cursor]) -> None:
        """Take documents in, and then the cursors that cover them.

        Cursors never go back here. Saved once listeners have dealt with the changes: what they
        did not get to before a crash comes again. Raises StoreError.
        """
        changes = [c for c in map(self._cache.apply, documents) if c is not None]
        moved = [replace(cursor, org=self._org) for cursor in cursors if self._moves(cursor)]
        self._cursors.update((cursor.topic, cursor) for cursor in moved)
        if changes or moved:
            await self._finish(changes, Commit(cursors=moved, documents=_standing(changes)))

    async def replace(self, documents: Sequence[Document], cursor: Cursor) -> None:
        """Make these the only documents of the cursor's topic; cursor and versions may go back.

        Raises StoreError.
        """
        cursor = replace(cursor, org=self._org)
        changes = self._cache.replace(cursor.topic, documents)
        self._cursors[cursor.topic] = cursor
        await self._finish(
            changes, Commit(cursors=[cursor], documents=documents, replaced=[cursor.topic])
        )

    async def _finish(self, changes: Sequence[Change], commit: Commit) -> None:
        await self._feed.publish(changes)
        await self._store.commit(commit)

    def _moves(self, cursor: Cursor) -> bool:
        known = self._cursors.get(cursor.topic)
        return known is None or known.epoch != cursor.epoch or known.watermark < cursor.watermark


def _standing(changes: Sequence[Change]) -> list[Document]:
    """The last version of each document that a batch changed."""
    latest = {
        (change.topic, change.doc_key): change.document
        for change in changes
        if change.document is not None
    }
    return list(latest.values())
