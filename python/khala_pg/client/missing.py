"""Documents that could not be had so far, and the watermarks that stay below them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from khala_pg.client.documents import Update


@dataclass(slots=True)
class Missing:
    """Watermarks up to which topics have come, and the documents that are missing below them."""

    _seen: dict[str, int] = field(default_factory=dict)
    _updates: dict[tuple[str, str], Update] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._updates)

    @property
    def updates(self) -> Sequence[Update]:
        return list(self._updates.values())

    def begin(self, topic: str, watermark: int) -> None:
        """The topic was replaced by a snapshot of that watermark."""
        self._seen[topic] = watermark
        self._updates = {key: each for key, each in self._updates.items() if key[0] != topic}

    def add(self, updates: Iterable[Update]) -> None:
        """Documents that could not be had."""
        for update in updates:
            self._updates[update.topic, update.doc_key] = update

    def settle(self, updates: Iterable[Update]) -> None:
        """The documents of these were dealt with; what they replace is no longer missing."""
        for update in updates:
            known = self._updates.get((update.topic, update.doc_key))
            if known is not None and known.order <= update.order:
                del self._updates[update.topic, update.doc_key]

    def has(self, update: Update) -> bool:
        """Whether this version is missing, and not a later one of its document."""
        return self._updates.get((update.topic, update.doc_key)) is update

    def seen(self, topic: str, watermark: int) -> int:
        """The watermark up to which everything has come, which is at least the given one."""
        self._seen[topic] = max(watermark, self._seen.get(topic, watermark))
        return self._seen[topic]

    def complete(self, topic: str, watermark: int) -> int:
        """The watermark up to which everything is here."""
        below = [each.watermark - 1 for each in self._updates.values() if each.topic == topic]
        return min([self.seen(topic, watermark), *below])
