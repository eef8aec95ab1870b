"""Audience of the live feed. Pure: a page in, its views and their readers out.

Readers at the feed's position are kept by organisation, so that an organisation with nothing in a
page costs nothing, and one with something costs one view however many readers it has. Those that
follow a subset of the keys are found by the marks of an update: only subsets that have it cost
anything. A reader may be ahead: its own replay saw further than the feed has pulled so far. It
keeps its own position until the feed passes it, and gets only what is above.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from khala_pg.relay.delivery.subset import Subset


class Update(Protocol):
    """One update of a page and who may have it.

    org_id None: everybody except `except_org_id`. Otherwise: that organisation only.
    marks: subsets with one of these have it.
    """

    @property
    def watermark(self) -> int: ...
    @property
    def org_id(self) -> str | None: ...
    @property
    def except_org_id(self) -> str | None: ...
    @property
    def marks(self) -> Sequence[str]: ...


Reader = TypeVar("Reader")
Row = TypeVar("Row", bound=Update)
View = tuple[str, Subset | None]
"""Organisation, and the subset of the keys that a reader follows; None: all of them."""
Narrowed = tuple[str, Subset]


class Audience(Generic[Reader]):
    """The readers of one topic, and the position they have in common.

    lengths: in which readers need the marks of updates. One that nobody needs any more stays until
    the next page is delivered: readers that come and go could hold up all others, as a page that
    lacks a length has to be pulled again.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self.lengths: frozenset[int] = frozenset()
        self._level: dict[str, set[Reader]] = {}
        self._narrowed: dict[Narrowed, set[Reader]] = {}
        # A mark that one view has, as most keys do, holds that view alone: 1,000 keys take
        # 0.2 MB so, and 0.6 MB with a dict and a set for each.
        self._marked: dict[str, Narrowed | dict[str, set[Subset]]] = {}
        self._ahead: dict[Reader, tuple[View, int]] = {}
        self._lengths: Counter[int] = Counter()

    def __len__(self) -> int:
        level = sum(map(len, self._level.values())) + sum(map(len, self._narrowed.values()))
        return level + len(self._ahead)

    def __iter__(self) -> Iterator[Reader]:
        for readers in (*self._level.values(), *self._narrowed.values()):
            yield from readers
        yield from self._ahead

    def add(self, reader: Reader, org_id: str, position: int, subset: Subset | None = None) -> bool:
        """Takes a reader in. False, and nothing done, if the feed is past its position."""
        if position < self.position:
            return False
        if position == self.position:
            self._join(reader, org_id, subset)
        else:
            self._ahead[reader] = ((org_id, subset), position)
        if subset is not None:
            self._lengths.update(subset.lengths)
            self.lengths |= subset.lengths
        return True

    def discard(self, reader: Reader, org_id: str, subset: Subset | None = None) -> None:
        """Lets a reader go, if it is here."""
        was_ahead = self._ahead.pop(reader, None) is not None
        if not was_ahead and not self._leave(reader, org_id, subset):
            return
        if subset is not None:
            self._lengths.subtract(subset.lengths)
            self._lengths = +self._lengths

    def position_of(self, reader: Reader) -> int:
        """The position that the reader has been given."""
        return self._ahead[reader][1] if reader in self._ahead else self.position

    def views(self, updates: Sequence[Row]) -> Iterator[tuple[list[Row], Collection[Reader]]]:
        """The views of a page that begins at the position, each with its readers.

        The updates have marks in all of `lengths`.
        """
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
        if self._marked:
            yield from self._narrowed_views(updates)
        for ((org_id, subset), position), readers in self._ahead_by_view().items():
            seen = _visible(public, owned.get(org_id, []), org_id)
            visible = [
                update
                for update in seen
                if update.watermark > position
                and (subset is None or not subset.marks.isdisjoint(update.marks))
            ]
            if visible:
                yield visible, readers

    def advance(self, position: int) -> None:
        """Moves on; readers that are no longer ahead join the others."""
        self.position = position
        if len(self.lengths) > len(self._lengths):
            self.lengths = frozenset(self._lengths)
        for reader, ((org_id, subset), own) in list(self._ahead.items()):
            if own <= position:
                del self._ahead[reader]
                self._join(reader, org_id, subset)

    def _join(self, reader: Reader, org_id: str, subset: Subset | None) -> None:
        if subset is None:
            self._level.setdefault(org_id, set()).add(reader)
            return
        view = (org_id, subset)
        readers = self._narrowed.get(view)
        if readers is not None:
            readers.add(reader)
            return
        self._narrowed[view] = {reader}
        for mark in subset.marks:
            having = self._marked.setdefault(mark, view)
            if having is view:
                continue
            if isinstance(having, tuple):
                having = self._marked[mark] = {having[0]: {having[1]}}
            having.setdefault(org_id, set()).add(subset)

    def _leave(self, reader: Reader, org_id: str, subset: Subset | None) -> bool:
        """Whether the reader was there."""
        readers = (
            self._level.get(org_id) if subset is None else self._narrowed.get((org_id, subset))
        )
        if readers is None or reader not in readers:
            return False
        readers.discard(reader)
        if readers:
            return True
        if subset is None:
            del self._level[org_id]
            return True
        del self._narrowed[org_id, subset]
        for mark in subset.marks:
            having = self._marked[mark]
            if isinstance(having, dict):
                having[org_id].discard(subset)
                if not having[org_id]:
                    del having[org_id]
                if having:
                    continue
            del self._marked[mark]
        return True

    def _narrowed_views(
        self, updates: Sequence[Row]
    ) -> Iterator[tuple[list[Row], Collection[Reader]]]:
        found: dict[Narrowed, list[Row]] = {}
        for update in updates:
            having = {view for mark in update.marks for view in self._audience_of(update, mark)}
            for view in having:
                found.setdefault(view, []).append(update)
        # One message for all views of the same updates, such as one that is public.
        alike: dict[tuple[int, ...], tuple[list[Row], list[Reader]]] = {}
        for view, seen in found.items():
            _, readers = alike.setdefault(tuple(map(id, seen)), (seen, []))
            readers.extend(self._narrowed[view])
        yield from alike.values()

    def _audience_of(self, update: Row, mark: str) -> Iterator[Narrowed]:
        having = self._marked.get(mark)
        if having is None:
            return
        if isinstance(having, tuple):
            if _may_see(update, having[0]):
                yield having
        elif update.org_id is not None:
            for subset in having.get(update.org_id, ()):
                yield update.org_id, subset
        else:
            for org_id, subsets in having.items():
                if _may_see(update, org_id):
                    for subset in subsets:
                        yield org_id, subset

    def _ahead_by_view(self) -> dict[tuple[View, int], list[Reader]]:
        views: dict[tuple[View, int], list[Reader]] = {}
        for reader, view in self._ahead.items():
            views.setdefault(view, []).append(reader)
        return views


def _may_see(update: Update, org_id: str) -> bool:
    return update.org_id == org_id or (update.org_id is None and update.except_org_id != org_id)


def _visible(public: list[Row], owned: list[Row], org_id: str) -> list[Row]:
    """Both in the order of watermarks, at a cost that what others own has no part in."""
    if not public:
        return owned
    seen = [update for update in public if update.except_org_id != org_id]
    return sorted([*seen, *owned], key=attrgetter("watermark"))
