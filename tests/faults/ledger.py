"""Every committed write of a run, known without asking the journal, which purges shorten."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.postgres.consistency import Connection, check_topic

_RETAINED = """
SELECT watermark, doc_key, doc_version, org_id, deleted
FROM runtime.sync_stream_events WHERE topic = %s ORDER BY watermark
"""


@dataclass(frozen=True)
class Written:
    """One committed write. `payload` is None for a tombstone.

    seen_before_by: who could see the document until now, if the write took it from them or left
    them to see it go; an organisation, None for everybody, "" when nobody is concerned.
    """

    doc_key: str
    doc_version: int
    org: str | None
    payload: Any
    seen_before_by: str | None = ""

    def concerns(self, org: str) -> bool:
        """Whether an organisation is told of it."""
        return self.org in {None, org} or self.seen_before_by in {None, org}


@dataclass
class Ledger:
    """Per topic, what each watermark is."""

    written: dict[str, dict[int, Written]] = field(default_factory=dict)

    def add(self, topic: str, watermark: int, write: Written) -> None:
        """Books a write that is known to be committed."""
        rows = self.written.setdefault(topic, {})
        assert watermark not in rows, (
            f"{topic}: watermark {watermark} was given to {rows[watermark]} and to {write}"
        )
        rows[watermark] = write

    def heads(self) -> dict[str, int]:
        """The last watermark booked of each topic."""
        return {topic: max(rows) for topic, rows in self.written.items() if rows}

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.written.values())

    def visible_rows(self, topic: str, org: str) -> list[int]:
        """The watermarks of which an organisation is told, in order."""
        rows = self.written.get(topic, {})
        return [watermark for watermark in sorted(rows) if rows[watermark].concerns(org)]

    def check(self, database: Connection, topics: Iterable[str]) -> dict[str, int]:
        """Holds the database against the ledger; the heads.

        Every commit that a writer was told of is there, under the watermark it was told, and
        nothing else is: the ledger has each watermark from 1 to the head.
        """
        heads: dict[str, int] = {}
        for topic in topics:
            state = check_topic(database, topic)
            rows = self.written.get(topic, {})
            assert sorted(rows) == list(range(1, state.head + 1)), (
                f"{topic}: the head is {state.head}; committed and not below it or unknown: "
                f"{sorted(set(rows) ^ set(range(1, state.head + 1)))[:5]}"
            )
            for watermark, *retained in database.execute(_RETAINED, [topic]):
                write = rows[watermark]
                known = [write.doc_key, write.doc_version, write.org, write.payload is None]
                assert retained == known, f"{topic} {watermark}: {retained}, written was {known}"
            heads[topic] = state.head
        return heads

    def check_update(self, update: Mapping[str, Any], org: str) -> None:
        """Holds one update that an organisation was given against what was written.

        Whoever loses sight of a document is told that it is gone.
        """
        where = f"{update['topic']} {update['watermark']}"
        write = self.written.get(update["topic"], {}).get(update["watermark"])
        assert write is not None, f"{where} was delivered and never committed"
        payload = write.payload if write.org in {None, org} else None
        given = (update["doc_key"], int(update["doc_version"]), update.get("payload"))
        assert given == (write.doc_key, write.doc_version, payload), f"{where}: {given}"
        assert bool(update.get("deleted")) == (payload is None), where
