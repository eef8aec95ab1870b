"""The local copy of some topics: cache, cursors, store and listeners, moved forward together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from khala_pg.client.documents import Change, Cursor, Document
from khala_pg.client.errors import StoreError
from khala_pg.client.feed import ChangeFeed
from khala_pg.client.local.cache import DocumentCache
from khala_pg.client.local.store import Commit, WatermarkStore
from khala_pg.concurrency.waiting import within

# Between two tries of a store that failed.
_RETRY_S = 5.0


class Replica:
    """Not safe for concurrent callers: one connection at a time moves it."""

    def __init__(
        self,
        store: WatermarkStore,
        feed: ChangeFeed,
        on_error: Callable[[Exception], None],
        limit_s: float = 10.0,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """on_error: called when something could not be saved, which is tried again.
        limit_s: for each call of the store.
        on_change: called when documents and cursors have changed and listeners have dealt with it.
        """
        self._store = store
        self._feed = feed
        self._on_error = on_error
        self._limit_s = limit_s
        self._on_change = on_change
        self._unsaved: set[str] = set()
        self._retry_at = 0.0
        self._cache = DocumentCache()
        self._cursors: dict[str, Cursor] = {}
        self._views: Mapping[str, str] = {}

    async def load(self, topics: Sequence[str]) -> None:
        """Begin with what the store holds. Raises StoreError."""
        stored = await within(
            self._store.load(topics), self._limit_s, StoreError, "loading from the store"
        )
        self._cache = DocumentCache(stored.documents)
        self._cursors = {cursor.topic: cursor for cursor in stored.cursors}

    async def belong_to(self, views: Mapping[str, str]) -> Sequence[str]:
        """Continue with what the token shows of each topic. Topics that were seen otherwise, by
        another organisation for example, are dropped, from the store too; returns them.
        """
        self._views = views
        others = [
            cursor.topic for cursor in self._cursors.values() if cursor.org != views[cursor.topic]
        ]
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
        did not get to before a crash comes again.
        """
        changes = [c for c in map(self._cache.apply, documents) if c is not None]
        moved = [
            replace(cursor, org=self._views[cursor.topic])
            for cursor in cursors
            if self._moves(cursor)
        ]
        self._cursors.update((cursor.topic, cursor) for cursor in moved)
        if changes or moved or self._unsaved:
            await self._finish(changes, Commit(cursors=moved, documents=_standing(changes)))

    async def replace(self, documents: Sequence[Document], cursor: Cursor) -> None:
        """Make these the only documents of the cursor's topic; cursor and versions may go back."""
        cursor = replace(cursor, org=self._views[cursor.topic])
        changes = self._cache.replace(cursor.topic, documents)
        self._cursors[cursor.topic] = cursor
        await self._finish(
            changes, Commit(cursors=[cursor], documents=documents, replaced=[cursor.topic])
        )

    async def _finish(self, changes: Sequence[Change], commit: Commit) -> None:
        await self._feed.publish(changes)
        if self._unsaved:
            topics = {cursor.topic for cursor in commit.cursors}
            topics.update(document.topic for document in commit.documents)
            self._unsaved.update(topics, commit.replaced)
            if asyncio.get_running_loop().time() >= self._retry_at:
                await self.flush()
        else:
            await self._save(commit)
        self._on_change()

    async def flush(self) -> None:
        """Saves what could not be saved before: its topics as they are now."""
        if self._unsaved:
            topics = sorted(self._unsaved)
            cursors = [self._cursors[topic] for topic in topics if topic in self._cursors]
            # A topic without a cursor is not complete up to anywhere.
            documents = [each for c in cursors for each in self._cache.versions(c.topic)]
            await self._save(Commit(cursors=cursors, documents=documents, replaced=topics))

    async def _save(self, commit: Commit) -> None:
        try:
            await within(
                self._store.commit(commit), self._limit_s, StoreError, "saving to the store"
            )
        except Exception as error:
            self._unsaved.update(commit.replaced, (c.topic for c in commit.cursors))
            self._unsaved.update(document.topic for document in commit.documents)
            self._retry_at = asyncio.get_running_loop().time() + _RETRY_S
            is_known = isinstance(error, StoreError)
            self._on_error(error if is_known else StoreError(f"the store failed: {error!r}"))
        else:
            self._unsaved.clear()

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
