"""A store in one SQLite file, used by one process at a time."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from khala_pg.client.documents import Cursor, Document
from khala_pg.client.errors import StoreError
from khala_pg.client.local.store import Commit, Stored

_APPLICATION_ID = 0x4B48_4C41  # "KHLA": a file of something else is not ours to write to
_FORMAT = 2
_SCHEMA = """
CREATE TABLE cursor (
  topic TEXT PRIMARY KEY,
  watermark INTEGER NOT NULL,
  epoch TEXT,
  org TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE document (
  topic TEXT NOT NULL,
  doc_key TEXT NOT NULL,
  doc_version INTEGER NOT NULL,
  watermark INTEGER NOT NULL,
  payload_hash BLOB NOT NULL,
  deleted INTEGER NOT NULL,
  payload TEXT,
  PRIMARY KEY (topic, doc_key)
) STRICT;
"""

_T = TypeVar("_T")


class SqliteStore:
    """Documents and watermarks in a SQLite file; see `WatermarkStore`.

    One thread of its own does the work, so that a slow disk does not hold up the event loop and
    calls stay in order even when their callers are cancelled.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="khala-store")
        self._database: sqlite3.Connection | None = None

    async def load(self, topics: Sequence[str]) -> Stored:
        return await self._run(lambda: self._load(topics))

    async def commit(self, commit: Commit) -> None:
        await self._run(lambda: self._commit(commit))

    async def close(self) -> None:
        try:
            await self._run(self._close)
        finally:
            self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _load(self, topics: Sequence[str]) -> Stored:
        wanted = json.dumps(list(topics))
        with self._transaction() as database:
            cursors = database.execute(
                "SELECT topic, watermark, epoch, org FROM cursor"
                " WHERE topic IN (SELECT value FROM json_each(?))",
                (wanted,),
            ).fetchall()
            documents = database.execute(
                "SELECT topic, doc_key, doc_version, watermark, payload_hash, deleted, payload"
                " FROM document WHERE topic IN (SELECT value FROM json_each(?))",
                (wanted,),
            ).fetchall()
        return Stored([Cursor(*row) for row in cursors], [_document(row) for row in documents])

    def _commit(self, commit: Commit) -> None:
        with self._transaction() as database:
            replaced = [(topic,) for topic in commit.replaced]
            database.executemany("DELETE FROM document WHERE topic = ?", replaced)
            database.executemany("DELETE FROM cursor WHERE topic = ?", replaced)
            database.executemany(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_row(document) for document in commit.documents],
            )
            database.executemany(
                "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)",
                [(c.topic, c.watermark, c.epoch, c.org) for c in commit.cursors],
            )

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._database is not None and not self._path.exists():
                # What is written to a deleted file is gone with this process.
                raise sqlite3.OperationalError("the file was deleted")
            if self._database is None:
                self._database = _open(self._path)
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
        except sqlite3.Error as error:
            # Whatever is wrong with this connection: the next call opens another.
            self._close()
            raise StoreError(f"{self._path}: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    try:
        # Every call comes from the store's one thread, though not from the one that made this.
        database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path}: {error}") from error
    try:
        _prepare(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    try:
        # Held until close: two clients on one file would move each other's watermarks.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN IMMEDIATE")
        application = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_FORMAT}")
        elif application != _APPLICATION_ID:
            raise StoreError(f"{path} is a database of something else: choose another file")
        elif version != _FORMAT:
            raise StoreError(
                f"{path} has format {version}, this version reads {_FORMAT}: choose another file"
            )
        database.execute("COMMIT")
        # Last: it changes the file, which up to here might not have been ours.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreError(f"{path} is in use by another client: choose another file") from error
        raise StoreError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is not a usable store: {error}") from error


def _row(document: Document) -> tuple[str, str, int, int, bytes, int, str | None]:
    payload = None
    if document.payload is not None:
        payload = json.dumps(document.payload, ensure_ascii=False, separators=(",", ":"))
    return (
        document.topic,
        document.doc_key,
        document.doc_version,
        document.watermark,
        document.payload_hash,
        int(document.deleted),
        payload,
    )


def _document(row: tuple[str, str, int, int, bytes, int, str | None]) -> Document:
    topic, doc_key, doc_version, watermark, payload_hash, deleted, payload = row
    return Document(
        topic=topic,
        doc_key=doc_key,
        doc_version=doc_version,
        watermark=watermark,
        payload_hash=payload_hash,
        deleted=bool(deleted),
        payload=None if payload is None else json.loads(payload),
    )
