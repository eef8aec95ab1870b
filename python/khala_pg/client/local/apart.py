"""Store that keeps a topic apart from the same topic narrowed otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from khala_pg.client.local.store import Commit, Stored, WatermarkStore


class ApartStore:
    """Passes everything on to another store, under the names that topics are stored as."""

    def __init__(self, store: WatermarkStore, stored_as: Mapping[str, str]) -> None:
        self._store = store
        self._stored_as = stored_as
        self._names = {stored: name for name, stored in stored_as.items()}

    async def load(self, topics: Sequence[str]) -> Stored:
        found = await self._store.load([self._stored_as[topic] for topic in topics])
        return Stored(
            [replace(each, topic=self._names[each.topic]) for each in found.cursors],
            [replace(each, topic=self._names[each.topic]) for each in found.documents],
        )

    async def commit(self, commit: Commit) -> None:
        stored = self._stored_as
        await self._store.commit(
            Commit(
                [replace(each, topic=stored[each.topic]) for each in commit.cursors],
                [replace(each, topic=stored[each.topic]) for each in commit.documents],
                [stored[topic] for topic in commit.replaced],
            )
        )

    async def close(self) -> None:
        await self._store.close()
