"""Start of a topic that the store does not have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from khala_pg.client.documents import Cursor


@dataclass(frozen=True, slots=True)
class Start:
    """`cursors` decide for the topics they name, `snapshot` for the others: True begins with the
    documents as they are now, False with the earliest update that the server retains."""

    snapshot: bool = True
    cursors: Mapping[str, int] = field(default_factory=dict)

    def cursor(self, topic: str) -> Cursor | None:
        """The cursor to subscribe with; None for the earliest retained update."""
        watermark = self.cursors.get(topic)
        return None if watermark is None else Cursor(topic, watermark, None)

    def from_snapshot(self, topic: str, *, always: bool = False) -> bool:
        """Whether the topic begins with a snapshot; always: where no cursor is given."""
        return (self.snapshot or always) and topic not in self.cursors
