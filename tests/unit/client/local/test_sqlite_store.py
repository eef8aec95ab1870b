"""The SQLite store: what is committed is one unit, also when the process is killed in between."""

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from khala_pg.client.documents import Cursor, Document
from khala_pg.client.errors import StoreError
from khala_pg.client.local.sqlite_store import SqliteStore
from khala_pg.client.local.store import Commit

TOPIC = "runtime.run_summaries"


def document(doc_key: str, version: int, *, deleted: bool = False, topic: str = TOPIC) -> Document:
    payload = None if deleted else {"text": "naïve \U0001f600", "big": 10**20, "version": version}
    return Document(topic, doc_key, version, version, b"h" * 32, deleted, payload)


async def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    documents = [document("a", 1), document("b", 2**62, deleted=True), document("x", 1, topic="o")]
    cursors = [Cursor(TOPIC, 2**62, "e1", "acme"), Cursor("o", 1, None)]
    store = SqliteStore(tmp_path / "state")
    await store.commit(Commit(cursors, documents))
    await store.close()

    store = SqliteStore(tmp_path / "state")
    stored = await store.load([TOPIC])
    assert list(stored.cursors) == cursors[:1]
    assert sorted(stored.documents, key=lambda d: d.doc_key) == documents[:2]
    assert len((await store.load([TOPIC, "o", "unknown"])).documents) == 3
    await store.close()


async def test_replacing_a_topic_leaves_the_others(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    await store.commit(
        Commit((), [document("a", 1), document("b", 1), document("x", 1, topic="o")])
    )
    await store.commit(Commit([Cursor(TOPIC, 1, "e2")], [document("b", 0)], [TOPIC]))
    stored = await store.load([TOPIC, "o"])
    assert {(d.topic, d.doc_key, d.doc_version) for d in stored.documents} == {
        (TOPIC, "b", 0),
        ("o", "x", 1),
    }
    await store.close()


async def test_a_replaced_topic_loses_its_cursor(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    await store.commit(Commit([Cursor(TOPIC, 1, "e"), Cursor("o", 1, "e")], [document("a", 1)]))
    await store.commit(Commit(replaced=[TOPIC]))
    stored = await store.load([TOPIC, "o"])
    assert (list(stored.cursors), list(stored.documents)) == ([Cursor("o", 1, "e")], [])
    await store.close()


async def test_a_second_client_is_told(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "state"), SqliteStore(tmp_path / "state")
    await first.load([TOPIC])
    with pytest.raises(StoreError, match="in use"):
        await second.load([TOPIC])
    await first.close()
    assert (await second.load([TOPIC])).cursors == []
    await second.close()


@pytest.mark.parametrize("kind", ["text", "foreign", "future", "directory"])
async def test_files_that_are_no_store_are_refused_and_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    if kind == "text":
        path.write_text("dear diary " * 100)
    elif kind == "directory":
        path.mkdir()
    else:
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE diary (entry TEXT)")
        if kind == "future":
            database.execute(f"PRAGMA application_id = {0x4B484C41}")
            database.execute("PRAGMA user_version = 99")
        database.commit()
        database.close()
    before = path.read_bytes() if path.is_file() else None
    store = SqliteStore(path)
    with pytest.raises(StoreError):
        await store.load([TOPIC])
    await store.close()
    assert (path.read_bytes() if path.is_file() else None) == before


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from khala_pg.client.documents import Cursor, Document
    from khala_pg.client.local.sqlite_store import SqliteStore
    from khala_pg.client.local.store import Commit

    async def main():
        store = SqliteStore(Path(sys.argv[1]))
        stored = await store.load(["t"])
        start = stored.cursors[0].watermark if stored.cursors else 0
        for watermark in range(start + 1, start + 100_000):
            documents = [
                Document("t", f"d{n}", watermark, watermark, b"h" * 32, False, {"w": watermark})
                for n in range(20)
            ]
            await store.commit(Commit([Cursor("t", watermark, "e")], documents))
            print(watermark, flush=True)

    asyncio.run(main())
    """
)


async def test_a_killed_writer_leaves_watermark_and_documents_together(tmp_path: Path) -> None:
    path = tmp_path / "state"
    reached = 0
    for commits_before_kill in (1, 17, 60):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(commits_before_kill):
                reached = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        store = SqliteStore(path)
        stored = await store.load(["t"])
        await store.close()
        [cursor] = stored.cursors
        assert cursor.watermark >= reached
        assert {d.watermark for d in stored.documents} == {cursor.watermark}
        assert len(stored.documents) == 20


async def test_payloads_keep_their_text(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state")
    await store.commit(Commit((), [document("a", 1)]))
    [kept] = (await store.load([TOPIC])).documents
    assert json.dumps(kept.payload) == json.dumps(document("a", 1).payload)
    await store.close()
