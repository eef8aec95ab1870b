"""Audience of the live feed. Pure: a page in, its views and their readers out.

Readers at the feed's position are kept by organisation, so that an organisation with nothing in a
page costs nothing, and one with something costs one view however many readers it has. A reader
may be ahead: its own replay saw further than the feed has pulled so far. It keeps its own position
until the feed passes it, and gets only what is above.
"""

from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Generic, Protocol, TypeVar


class Update(Protocol):
    """One update of a page and who may have it.

    org_id None: everybody except `except_org_id`. Otherwise: that organisation only.
    """

    @property
    def watermark(self) -> int: ...
    @property
    def org_id(self) -> str | None: ...
    @property
    def except_org_id(self) -> str | None: ...


Reader = TypeVar("Reader")
Row = TypeVar("Row", bound=Update)


class Audience(Generic[Reader]):
    """The readers of one topic, and the position they have in common."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._level: dict[str, set[Reader]] = {}
        self._ahead: dict[Reader, tuple[str, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._level.values())) + len(self._ahead)

    def __iter__(self) -> Iterator[Reader]:
        for readers in self._level.values():
            yield from readers
        yield from self._ahead

    def add(self, reader: Reader, org_id: str, position: int) -> bool:
        """Takes a reader in. False, and nothing done, if the feed is past its position."""
        if position < self.position:
            return False
        if position == self.position:
            self._level.setdefault(org_id, set()).add(reader)
        else:
            self._ahead[reader] = (org_id, position)
        return True

    def discard(self, reader: Reader, org_id: str) -> None:
        """Lets a reader go, if it is here."""
        self._ahead.pop(reader, None)
        readers = self._level.get(org_id)
        if readers is not None:
            readers.discard(reader)
            if not readers:
                del self._level[org_id]

    def position_of(self, reader: Reader) -> int:
        """The position that the reader has been given."""
        return self._ahead[reader][1] if reader in self._ahead else self.position

    def views(self, updates: Sequence[Row]) -> Iterator[tuple[list[Row], Collection[Reader]]]:
        """The views of a page that begins at the position, each with its readers."""
        public = [update for update in updates if update.org_id is None]
        owned: dict[str, list[Row]] = {}
        for update in updates:
            if update.org_id is not None:
                owned.setdefault(update.org_id, []).append(update)
        excepted = [u.except_org_id for u in public if u.except_org_id is not None]
        special = [org_id for org_id in {*owned, *excepted} if org_id in self._level]
        if public:
            common = frozenset(special)
            everybody = [
                reader
                for org_id, readers in self._level.items()
                if org_id not in common
                for reader in readers
            ]
            if everybody:
                yield public, everybody
        for org_id in special:
            visible = _visible(public, owned.get(org_id, []), org_id)
            if visible:
                yield visible, tuple(self._level[org_id])
        for (org_id, position), readers in self._ahead_by_view().items():
            seen = _visible(public, owned.get(org_id, []), org_id)
            visible = [update for update in seen if update.watermark > position]
            if visible:
                yield visible, readers

    def advance(self, position: int) -> None:
        """Moves on; readers that are no longer ahead join the others."""
        self.position = position
        for reader, (org_id, own) in list(self._ahead.items()):
            if own <= position:
                del self._ahead[reader]
                self._level.setdefault(org_id, set()).add(reader)

    def _ahead_by_view(self) -> dict[tuple[str, int], list[Reader]]:
        views: dict[tuple[str, int], list[Reader]] = {}
        for reader, view in self._ahead.items():
            views.setdefault(view, []).append(reader)
        return views


def _visible(public: list[Row], owned: list[Row], org_id: str) -> list[Row]:
    """Both in the order of watermarks, at a cost that what others own has no part in."""
    if not public:
        return owned
    seen = [update for update in public if update.except_org_id != org_id]
    return sorted([*seen, *owned], key=attrgetter("watermark"))
