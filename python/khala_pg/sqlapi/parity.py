"""Calls of comparisons with the legacy backend. Role khala_dba."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from khala_pg.sqlapi.calls import Connection, row, rows


@dataclass(frozen=True, slots=True)
class Sample:
    """Documents of one topic that a cycle compares."""

    cycle: int
    topic: str
    doc_keys: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A document's comparison: reason is `none`, or why the two sides differ.

    legacy_seq: latest_seq of the legacy document; hashes leave projected_at out.
    """

    topic: str
    doc_key: str
    reason: str
    drift: int
    khala_version: int | None
    legacy_seq: float | None
    khala_hash: str | None
    legacy_hash: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class CycleResult:
    """Result of a cycle: sampled = compared + unread; reasons counts documents."""

    sampled: int
    compared: int
    unread: int
    reasons: Mapping[str, int]
    max_drift: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate of a cutover; found is None where nothing was compared."""

    gate: str
    is_met: bool
    found: float | None
    allowed: str


async def start_cycle(
    connection: Connection, topics: Sequence[str], sample: int
) -> Sequence[Sample]:
    """Start a cycle: at most `sample` documents of each topic."""
    query = "SELECT cycle, topic, doc_keys FROM khala.start_parity_cycle(%s, %s)"
    return await rows(connection, Sample, query, list(topics), sample)


async def judge(
    connection: Connection, cycle: int, documents: Sequence[Mapping[str, Any]], *, is_last: bool
) -> Sequence[Verdict]:
    """Compare {topic, doc_key, summary}; summary: what the legacy backend holds, None for nothing.

    is_last: record mismatches; before that, only what is the same.
    """
    query = (
        "SELECT topic, doc_key, reason, drift::bigint, khala_version, legacy_seq::float8,"
        " khala_hash, legacy_hash, detail FROM khala.judge_parity(%s, %s, %s)"
    )
    return await rows(connection, Verdict, query, cycle, Jsonb(documents), is_last)


async def finish_cycle(connection: Connection, cycle: int, error: str | None) -> CycleResult:
    """End a cycle. error: why it compared nothing, None when it is complete."""
    query = (
        "SELECT sampled, compared, unread, reasons, max_drift::float8"
        " FROM khala.finish_parity_cycle(%s, %s)"
    )
    return await row(connection, CycleResult, query, cycle, error)


async def gates(connection: Connection, window: str) -> Sequence[Gate]:
    """The gates of a cutover. window: the time until now, an interval as SQL writes it."""
    query = "SELECT gate, is_met, found::float8, allowed FROM khala.parity_gates(%s::interval)"
    return await rows(connection, Gate, query, window)
