"""Writers that live through every fault and book each commit under the watermark they were told, or
that the journal gave to what they staged."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from faults.ledger import Ledger, Written
from support.postgres.databases import Database

ORGS = (None, None, "red", "blue")
_KEYS = 12
_PACE_S = 0.02
_PATIENCE_S = 2
# After these a transaction did not happen, or nobody knows whether it did: it is simply repeated.
REPEATABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
_FIND = """
SELECT watermark, doc_version FROM runtime.sync_documents WHERE topic = %s AND doc_key = %s
"""

# Of every write, whatever purges take: whoever stages is not told its watermark.
RECORD = """
CREATE TABLE public.recorded (
    topic text, doc_key text, doc_version bigint, watermark bigint,
    PRIMARY KEY (topic, doc_key, doc_version)
);
CREATE FUNCTION public.record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.recorded VALUES (new.topic, new.doc_key, new.doc_version, new.watermark);
    RETURN NULL;
END
$$;
CREATE TRIGGER record AFTER INSERT ON runtime.sync_stream_events
FOR EACH ROW EXECUTE FUNCTION public.record();
"""
_RECORDED = (
    "SELECT topic, doc_key, doc_version, watermark FROM public.recorded WHERE topic = ANY(%s)"
)

Connection = psycopg.AsyncConnection[Any]


@dataclass
class Writing:
    """What the writers share: topics to write to, the ledger, and when to pause and to stop.

    commits: of each writer; spans: when each of them was begun and when it was booked.
    """

    database: Database
    topics: list[str]
    ledger: Ledger = field(default_factory=Ledger)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    commits: dict[int, int] = field(default_factory=dict)
    spans: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    repeats: int = 0
    idle: set[int] = field(default_factory=set)
    staged: dict[tuple[str, str, int], Written] = field(default_factory=dict)

    async def book_staged(self) -> int:
        """Books what was staged and has its watermark by now; how many writes have none yet."""
        if not self.staged:
            return 0
        topics = sorted({topic for topic, _, _ in self.staged})
        async with await psycopg.AsyncConnection.connect(
            self.database.dsn, connect_timeout=_PATIENCE_S
        ) as connection:
            for topic, key, version, watermark in await (
                await connection.execute(_RECORDED, [topics])
            ).fetchall():
                write = self.staged.pop((topic, key, version), None)
                if write is not None:
                    self.ledger.add(topic, watermark, write)
        return len(self.staged)

    def recovered_at(self, lifted: float) -> float:
        """When every writer had committed something that it began after a moment."""
        return max(
            min(booked for began, booked in self.spans[n] if began >= lifted) for n in self.commits
        )

    def stop(self) -> None:
        """Each writer ends after the transaction it is at."""
        self.stopped = True
        self.go.set()


@dataclass(frozen=True)
class _Sink:
    topic: str
    write: Written


class Writer:
    """One writer. It alone writes its documents, so that it knows what each was before.

    role: as which it logs in.
    """

    role = "runtime"

    def __init__(self, number: int, writing: Writing, rng: random.Random) -> None:
        self._number = number
        self._writing = writing
        self._rng = rng
        self._version = 0
        self._current: dict[tuple[str, str], Written] = {}
        self._connection: Connection | None = None
        writing.commits[number] = 0
        writing.spans[number] = []

    async def run(self) -> None:
        """Writes until it is told to stop."""
        writing = self._writing
        try:
            while not writing.stopped:
                if not writing.go.is_set():
                    writing.idle.add(self._number)
                    await writing.go.wait()
                    writing.idle.discard(self._number)
                    continue
                await self.write_once()
                await asyncio.sleep(self._rng.uniform(0, _PACE_S))  # the pace of a runtime
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends its connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def write_once(self) -> None:
        """One transaction, repeated until it is committed and booked."""
        began = time.monotonic()
        work, sinks, is_abandoned = self._choose()
        while True:
            try:
                connection = await self._connect()
                if is_abandoned:
                    await work(connection)
                    await connection.rollback()
                    is_abandoned = False
                told = await work(connection)
                await connection.commit()
                marks = [
                    watermark
                    if outcome in {"applied", "staged"}
                    else await self._find(sink, outcome)
                    for sink, (watermark, outcome) in zip(sinks, told, strict=True)
                ]
                break
            except REPEATABLE:
                await self._back_off()
        for sink, watermark in zip(sinks, marks, strict=True):
            if watermark is None:
                staged = (sink.topic, sink.write.doc_key, sink.write.doc_version)
                self._writing.staged[staged] = sink.write
            else:
                self._writing.ledger.add(sink.topic, watermark, sink.write)
            self._current[sink.topic, sink.write.doc_key] = sink.write
        self._writing.spans[self._number].append((began, time.monotonic()))
        self._writing.commits[self._number] += 1

    async def _back_off(self) -> None:
        """What follows a transaction of which nobody knows whether it happened."""
        self._writing.repeats += 1
        await self.close()
        await asyncio.sleep(self._rng.uniform(0.02, 0.1))  # back-off while it is refused

    async def _connect(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                make_conninfo(
                    self._writing.database.dsn_as(self.role),
                    connect_timeout=_PATIENCE_S,
                    options="-c statement_timeout=1s",
                )
            )
        return self._connection

    async def _find(self, sink: _Sink, outcome: str) -> int:
        """The watermark of a write whose commit was not confirmed and which had happened."""
        assert outcome == "duplicate", f"{sink} was answered with {outcome}"
        async with await psycopg.AsyncConnection.connect(
            self._writing.database.dsn, connect_timeout=_PATIENCE_S
        ) as connection:
            found = await connection.execute(_FIND, [sink.topic, sink.write.doc_key])
            row = await found.fetchone()
        assert row is not None, f"{sink} is a duplicate of nothing"
        watermark, version = row
        assert version == sink.write.doc_version, f"{sink} is a duplicate of version {version}"
        return int(watermark)

    def _choose(self) -> tuple[Callable[[Connection], Any], list[_Sink], bool]:
        """A transaction, the same whenever it is repeated, and the sinks it is made of."""
        rng = self._rng
        self._version += 1
        topics = list(self._writing.topics)
        kind = rng.random()
        is_abandoned = rng.random() < 0.03
        if kind < 0.1:
            sink = self._sink(rng.choice(topics), self._key(), is_tombstone=True)
            return lambda c: _call(c, [("sink_delete(%s, %s, %s)", _head(sink))]), [sink], False
        if kind < 0.2:
            topic = rng.choice(topics)
            sinks = [self._sink(topic, key) for key in sorted({self._key(), self._key()})]
            batch = json.dumps([_document(sink) for sink in sinks])
            calls = [("sink_batch(%s, %s::jsonb)", [topic, batch])]
            return lambda c: _call(c, calls), sinks, is_abandoned
        # Several topics are locked in one order by everybody.
        chosen = sorted(rng.sample(topics, 2 if kind < 0.3 else 1))
        sinks = [self._sink(topic, self._key()) for topic in chosen]
        each = [
            (
                "sink(%s, %s, %s, %s::jsonb, %s)",
                [*_head(sink), json.dumps(sink.write.payload), sink.write.org],
            )
            for sink in sinks
        ]
        return lambda c: _call(c, each), sinks, is_abandoned

    def _key(self) -> str:
        return f"writer {self._number}/{self._rng.randrange(_KEYS)}"

    def _sink(self, topic: str, key: str, *, is_tombstone: bool = False) -> _Sink:
        before = self._current.get((topic, key))
        if is_tombstone:
            owner = None if before is None else before.org
            return _Sink(topic, Written(key, self._version, owner, None))
        owner = self._rng.choice(ORGS)
        payload = {"latest_seq": self._version, "text": "é" * self._rng.randrange(200)}
        seen_before_by: str | None = ""
        if before is not None and before.payload is not None and before.org != owner:
            seen_before_by = before.org
        write = Written(key, self._version, owner, payload, seen_before_by)
        return _Sink(topic, write)


def _head(sink: _Sink) -> list[Any]:
    return [sink.topic, sink.write.doc_key, sink.write.doc_version]


def _document(sink: _Sink) -> dict[str, Any]:
    write = sink.write
    document = {
        "doc_key": write.doc_key,
        "doc_version": write.doc_version,
        "payload": write.payload,
    }
    return document if write.org is None else {**document, "org_id": write.org}


async def _call(
    connection: Connection, calls: list[tuple[str, list[Any]]]
) -> list[tuple[int | None, str]]:
    told: list[tuple[int | None, str]] = []
    for call, values in calls:
        found = await connection.execute(
            f"SELECT watermark, outcome FROM khala.{call}",
            values,
        )
        told += await found.fetchall()
    return told
