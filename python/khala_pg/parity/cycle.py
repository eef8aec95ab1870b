"""One comparison: a sample from Khala, the same documents from the legacy backend, the verdicts."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from khala_pg.connections import connect_async
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.parity.legacy import LegacyBackend
from khala_pg.sqlapi import parity as sqlapi
from khala_pg.sqlapi.roles import DBA, explained

_APPLICATION = "khala parity"
# Documents of one call of khala.judge_parity: each may have 256 KiB.
_BATCH = 50

Document = Mapping[str, Any]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to compare, and how.

    sample: documents of each topic. concurrency: calls of the legacy backend at once. settle_s:
    how long updates may be on their way before a document is read for the last time.
    """

    topics: Sequence[str]
    sample: int
    concurrency: int
    settle_s: float


@dataclass(slots=True)
class Cycle:
    """A finished cycle.

    unread: why documents could not be read from the legacy backend, with how many of them.
    error: why nothing was compared.
    """

    number: int
    result: sqlapi.CycleResult
    mismatches: list[sqlapi.Verdict] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    error: KhalaError | None = None

    @property
    def is_clean(self) -> bool:
        """Whether everything was compared and is the same."""
        return not self.mismatches and not self.unread


async def compare(
    database: str,
    legacy: LegacyBackend,
    comparison: Comparison,
    total: Callable[[int], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
) -> Cycle:
    """One cycle.

    `total` is called with the number of documents, `advance` as they are judged. A legacy backend
    that cannot be read is recorded, and is in the result. Raises what the database does.
    """
    async with (
        await connect_async(database, application_name=_APPLICATION) as connection,
        explained(connection, DBA),
    ):
        samples = await sqlapi.start_cycle(connection, comparison.topics, comparison.sample)
        names = [(each.topic, key) for each in samples for key in each.doc_keys]
        number = samples[0].cycle
        total(len(names))
        reader = _Reader(legacy, comparison.concurrency)

        async def look(wanted: Sequence[Name], *, is_last: bool) -> list[sqlapi.Verdict]:
            found: list[sqlapi.Verdict] = []
            for batch in _batches(wanted):
                documents = await reader.read(batch)
                verdicts = await sqlapi.judge(connection, number, documents, is_last=is_last)
                differing = [verdict for verdict in verdicts if verdict.reason != "none"]
                found += differing
                advance(len(batch) if is_last else len(batch) - len(differing))
            return found

        suspects = await look(names, is_last=False)
        mismatches: list[sqlapi.Verdict] = []
        if suspects:
            await asyncio.sleep(comparison.settle_s)  # for updates that are on their way
            again = [(verdict.topic, verdict.doc_key) for verdict in suspects]
            mismatches = await look(again, is_last=True)
        error = reader.last_error if sum(reader.unread.values()) == len(names) > 0 else None
        result = await sqlapi.finish_cycle(
            connection, number, None if error is None else str(error)
        )
    return Cycle(number, result, mismatches, reader.unread, error)


class _Reader:
    """Reader of many documents at once.

    After so many failures in a row as there are calls at once the backend is taken to be away for
    the rest of the cycle: each call waits for a time limit otherwise.
    """

    def __init__(self, legacy: LegacyBackend, concurrency: int) -> None:
        self.unread: dict[str, int] = {}
        self.last_error: KhalaError | None = None
        self._legacy = legacy
        self._concurrency = concurrency
        self._failures = 0

    async def read(self, names: Sequence[Name]) -> list[Document]:
        """The documents that could be read."""
        slots = asyncio.Semaphore(self._concurrency)
        documents: list[Document] = []

        async def read_one(topic: str, doc_key: str) -> None:
            async with slots:
                try:
                    if self._failures >= self._concurrency and self.last_error is not None:
                        raise self.last_error
                    summary = await self._legacy.summary(topic, doc_key)
                except KhalaError as error:
                    self.last_error = error
                    self.unread[str(error)] = self.unread.get(str(error), 0) + 1
                    self._failures += isinstance(error, UnavailableError)
                else:
                    self._failures = 0
                    documents.append({"topic": topic, "doc_key": doc_key, "summary": summary})

        async with asyncio.TaskGroup() as reading:
            for name in names:
                reading.create_task(read_one(*name))
        return documents


def _batches(names: Sequence[Name]) -> Iterator[Sequence[Name]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]
