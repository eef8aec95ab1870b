"""The fault suite notices when the two sides do not end the same."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.publishing import GROUPED, RUNS, Legacy, legacy
from faults.writing import Writer, Writing
from support.legacy.backend import LegacyBackend, Upsert
from support.postgres.databases import Database

_COMMITS = 60


def lose(backend: LegacyBackend) -> None:
    backend.tables["run_summaries"].popitem()


def change(backend: LegacyBackend) -> None:
    key, summary = backend.tables["codex_worker_summaries"].popitem()
    backend.tables["codex_worker_summaries"][key] = {**summary, "text": "planted"}


def invent(backend: LegacyBackend) -> None:
    backend.tables["run_summaries"]["nobody's"] = {"latest_seq": 1.0}


def go_back(backend: LegacyBackend) -> None:
    last = backend.upserts[-1]
    backend.upserts.append(Upsert(last.table, last.document_id, 0, {"latest_seq": 0.0}))


def accept_what_was_never_written(backend: LegacyBackend) -> None:
    last = backend.upserts[-1]
    summary = {**last.summary, "text": "planted"}
    backend.upserts.append(Upsert(last.table, last.document_id, last.version, summary))


LIES: dict[str, tuple[Callable[[LegacyBackend], None], str]] = {
    "lost": (lose, "is lost"),
    "changed": (change, "planted"),
    "invented": (invent, "never written"),
    "gone back": (go_back, "went back"),
    "not as written": (accept_what_was_never_written, "was never written"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_difference_is_found(lie: str, newest_database: Database, tmp_path: Path) -> None:
    plant, said = LIES[lie]
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", (GROUPED,))
    async with legacy(newest_database, tmp_path) as published:
        writing = await _write(newest_database, published)
        await published.check(writing.ledger)
        plant(published.backend)
        with pytest.raises(AssertionError, match=said):
            await published.check(writing.ledger)


async def _write(database: Database, published: Legacy) -> Writing:
    writing = Writing(database, [RUNS, GROUPED])
    writer = Writer(0, writing, random.Random(7))
    for _ in range(_COMMITS):
        await writer.write_once()
    await writer.close()
    await published.delivered()
    return writing
