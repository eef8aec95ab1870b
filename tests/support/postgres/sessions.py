"""Interleavings of database sessions, step by step: a session that blocks is seen to block."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from support.postgres.databases import Database
from support.trials.waiting import wait_until

Rows = list[tuple[Any, ...]]

SINK = "SELECT watermark, outcome FROM khala.sink(%s, %s, %s, %s::jsonb, %s)"


class Session:
    """One connection, not in autocommit mode: its transaction begins with its first statement."""

    def __init__(self, dsn: str, threads: ThreadPoolExecutor, observer: psycopg.Connection[Any]):
        self.connection = psycopg.connect(dsn)
        self._threads = threads
        self._observer = observer

    def run(self, query: str, *values: Any) -> Rows:
        """Runs a statement and returns its rows."""
        cursor = self.connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []

    def sink(
        self, topic: str, key: str, version: int, payload: str = "{}", org: str | None = None
    ) -> tuple[int | None, str]:
        """Calls khala.sink; its watermark and outcome."""
        [(watermark, outcome)] = self.run(SINK, topic, key, version, payload, org)
        return watermark, outcome

    def start(self, query: str, *values: Any) -> "Future[Rows]":
        """Starts a statement in a thread and returns when it waits for another session's lock."""
        future = self._threads.submit(self.run, query, *values)
        pid = self.connection.info.backend_pid

        def blocked() -> bool:
            if future.done():
                raise AssertionError(f"did not block: {future.result()}")
            row = self._observer.execute("SELECT pg_blocking_pids(%s) <> '{}'", [pid]).fetchone()
            return row is not None and bool(row[0])

        wait_until(blocked, f"{query} waits for a lock")
        return future

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()


@contextmanager
def sessions(database: Database, count: int, role: str | None = None) -> Iterator[list[Session]]:
    """That many sessions of one database, closed afterwards."""
    dsn = database.dsn if role is None else database.dsn_as(role)
    with ThreadPoolExecutor(count) as threads, database.connect() as observer:
        made = [Session(dsn, threads, observer) for _ in range(count)]
        try:
            yield made
        finally:
            for session in made:
                session.connection.close()
