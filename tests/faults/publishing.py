"""The legacy side of a run: a stand-in, the publisher that delivers to it, and whether both sides
end the same.

Of two topics that are published, one has a mutation for tombstones. The other is given none, so its
tombstones are set aside.
"""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString

from faults.ledger import Ledger
from support.legacy.backend import LegacyBackend
from support.legacy.place import LegacyPlace, legacy_place
from support.legacy.values import Value
from support.postgres.consistency import Connection
from support.postgres.databases import Database
from support.relay.relay_process import KHALA
from support.trials.waiting import until

RUNS, GROUPED = "runtime.run_summaries", "faults.grouped"
_TABLES = {RUNS: "run_summaries", GROUPED: "codex_worker_summaries"}
_SET_PUBLISHER: LiteralString = "SELECT khala.set_publisher('convex', 'convex', %s)"
_SET_TOPIC: LiteralString = "SELECT khala.set_publisher_topic('convex', %s, %s, %s)"
_TARGETS = (
    (RUNS, "runtime:upsertRunSummary", "runtime:deleteRunSummary"),
    (GROUPED, "runtime:upsertCodexWorkerSummary", None),
)
_LEFT: LiteralString = """
SELECT coalesce(sum(unread + waiting + in_flight), 1) FROM khala.publisher_stats
"""
_WORKS: LiteralString = "SELECT bool_and(worker_pid IS NOT NULL) FROM khala.publisher_stats"
_DOCUMENTS: LiteralString = """
SELECT doc_key, doc_version, deleted, payload FROM runtime.sync_documents WHERE topic = %s
"""
_SET_ASIDE: LiteralString = """
SELECT topic, doc_key, doc_version, deleted FROM khala.list_set_aside('convex', 100000)
"""
_PATIENCE_S = 120.0


class Publisher:
    """`khala publish` as an operator runs it: killed, stopped and started again."""

    def __init__(self, dsn: str, place: LegacyPlace, directory: Path) -> None:
        self._log = directory / "publisher.log"
        self._environment = {
            **os.environ,
            "KHALA_DATABASE_URL": dsn,
            "KHALA_PUBLISH_ADMIN_KEY": place.backend.admin_key,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "the publisher was not started"
        return self._process

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*KHALA, "publish", "convex", "--timeout=2", "--log-level=info"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM, and the exit status it ends with."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def last_words(self) -> str:
        return "the publisher said:\n" + self._log.read_text()[-4000:]


class Legacy:
    """Everything behind the publisher, and the publisher itself."""

    def __init__(self, database: Database, place: LegacyPlace, publisher: Publisher) -> None:
        self.place = place
        self.publisher = publisher
        self._database = database

    @property
    def backend(self) -> LegacyBackend:
        return self.place.backend

    async def works(self) -> None:
        """Returns when the publisher has begun. From then on it lives through everything."""

        def has_begun() -> bool:
            with self._database.connect() as connection:
                return connection.execute(_WORKS).fetchone() == (True,)

        await until(lambda: asyncio.to_thread(has_begun), "the publisher works", _PATIENCE_S)

    async def delivered(self) -> None:
        """Returns when nothing waits to be delivered any more."""

        def is_empty() -> bool:
            assert self.publisher.process.poll() is None, self.publisher.last_words()
            with self._database.connect() as connection:
                return connection.execute(_LEFT).fetchone() == (0,)

        await until(lambda: asyncio.to_thread(is_empty), "everything is published", _PATIENCE_S)

    async def check(self, ledger: Ledger) -> int:
        """Both sides are the same; how many upserts led there.

        Each document of the legacy side only went forward, and had what was written at each step.
        """
        backend = self.backend
        assert backend.gone_back() == {}, "versions went back"
        payloads = {
            (_TABLES[topic], write.doc_key, write.doc_version): write.payload
            for topic in _TABLES
            for write in ledger.written.get(topic, {}).values()
        }
        for upsert in backend.upserts:
            known = payloads.get((upsert.table, upsert.document_id, upsert.version))
            assert _plain(upsert.summary) == known, f"{upsert} was never written"
        with self._database.connect() as connection:
            self._check_documents(connection)
        await self._compare()
        return len(backend.upserts)

    def _check_documents(self, database: Connection) -> None:
        """Nothing is lost: a document is there, gone, or its tombstone is listed as set aside."""
        aside = set(database.execute(_SET_ASIDE).fetchall())
        for topic, table in _TABLES.items():
            found = dict(self.backend.tables[table])
            for key, version, deleted, payload in database.execute(_DOCUMENTS, [topic]):
                summary = found.pop(key, None)
                where = f"{topic} {key} {version}"
                if not deleted:
                    assert summary is not None, f"{where} is lost"
                    assert _plain(summary) == payload, f"{where}: {summary}, not {payload}"
                elif summary is not None:
                    assert topic == GROUPED, f"{where} is deleted, and still there: {summary}"
                    assert (topic, key, version, True) in aside, f"{where} is not set aside"
            assert not found, f"{topic}: never written: {sorted(found)}"
        refused = [each for each in aside if (each[0], each[3]) != (GROUPED, True)]
        assert not refused, f"refused: {refused}"

    async def _compare(self) -> None:
        """`khala parity` says the same."""
        command = [*KHALA, "parity", f"--url={self.place.url}", "--once", "--sample=1000"]
        process = await asyncio.create_subprocess_exec(
            *command,
            *(f"--topic={RUNS}", "--json", f"--database={self._database.dba_dsn}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KHALA_PUBLISH_ADMIN_KEY": self.backend.admin_key},
        )
        async with asyncio.timeout(_PATIENCE_S):
            out, err = await process.communicate()
        assert process.returncode == 0, (out + err).decode()
        [cycle] = map(json.loads, out.splitlines())
        assert cycle["compared"] > 0, cycle


@asynccontextmanager
async def legacy(database: Database, directory: Path) -> AsyncIterator[Legacy]:
    """A stand-in and a publisher that delivers to it."""
    backend = LegacyBackend()
    async with legacy_place(backend) as place:
        with database.connect() as connection:
            connection.execute(_SET_PUBLISHER, [place.url])
            for target in _TARGETS:
                connection.execute(_SET_TOPIC, target)
        publisher = Publisher(database.dsn_as("publisher"), place, directory)
        publisher.start()
        published = Legacy(database, place, publisher)
        try:
            await published.works()
            yield published
        except BaseException as error:
            error.add_note(publisher.last_words())
            raise
        finally:
            if publisher.process.poll() is None:
                await asyncio.to_thread(publisher.kill)


def _plain(summary: Mapping[str, Value]) -> dict[str, Value]:
    """A summary of this suite, whose numbers are small integers, as it was written."""
    return {
        name: int(value) if isinstance(value, float) else value for name, value in summary.items()
    }
