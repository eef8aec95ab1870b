"""A runtime under load, as a process: parallel writers that live through crashes of the server.

    python -m support.programs.writers JSON

JSON: {"dsn": …, "topics": […], "writers": 16, "sinks": 2000, "seed": 1}.

Prints how many sinks are done after every hundred of them. Every writer uses versions that no other
uses, so that a sink whose commit may or may not have happened can simply be repeated.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from support.trials.seeds import stream

ORGS = (None, None, "red", "blue", "green")
_SHARED_KEYS = 40
_PATIENCE_S = 120.0
_REPEATABLE = (psycopg.OperationalError, psycopg.InterfaceError)

Connection = psycopg.Connection[Any]
Transaction = Callable[[Connection], None]


class Progress:
    """The sinks of all writers, counted and told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = 0

    def add(self, count: int) -> None:
        with self._lock:
            before = self._done
            self._done += count
            if before // 100 != self._done // 100:
                print(self._done, flush=True)


def make_transaction(
    rng: random.Random, topics: list[str], writer: int, number: int, version: int
) -> tuple[Transaction, int]:
    """One transaction's work, the same whenever it is repeated, and its number of sinks."""
    keys = [f"own {writer}/{rng.randrange(10)}", f"shared {rng.randrange(_SHARED_KEYS)}"]
    topic, key, org = rng.choice(topics), rng.choice(keys), rng.choice(ORGS)
    payload = json.dumps({"writer": writer, "number": number, "text": "é" * rng.randrange(60)})
    kind = rng.random()
    if kind < 0.08:
        query = "SELECT khala.sink_delete(%s, %s, %s, %s)"
        return lambda connection: _run(connection, query, topic, key, version, org), 1
    if kind < 0.16:
        documents = json.dumps(
            [
                {"doc_key": k, "doc_version": version, "payload": json.loads(payload)}
                for k in sorted({key, f"shared {rng.randrange(_SHARED_KEYS)}"})
            ]
        )
        batch = "SELECT khala.sink_batch(%s, %s::jsonb)"
        return lambda connection: _run(connection, batch, topic, documents), len(
            json.loads(documents)
        )
    sink = "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)"
    if kind < 0.22:
        # Several topics are locked in one order by everybody.
        both = sorted(rng.sample(topics, 2))

        def write_both(connection: Connection) -> None:
            for each in both:
                _run(connection, sink, each, key, version, payload, org)

        return write_both, 2
    return lambda connection: _run(connection, sink, topic, key, version, payload, org), 1


def _run(connection: Connection, query: str, *values: Any) -> None:
    connection.execute(query, values)


def write(
    dsn: str,
    topics: list[str],
    writer: int,
    writers: int,
    sinks: int,
    seed: int,
    progress: Progress,
) -> None:
    """One writer's whole work."""
    rng = stream(seed, f"writer {writer}")
    connection: Connection | None = None
    done = number = 0
    while done < sinks:
        number += 1
        work, count = make_transaction(rng, topics, writer, number, number * writers + writer)
        thrown_away = rng.random() < 0.03
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(dsn, connect_timeout=10)
                if thrown_away:
                    work(connection)
                    connection.rollback()
                    thrown_away = False
                work(connection)
                connection.commit()
                break
            except _REPEATABLE:
                if time.monotonic() > deadline:
                    raise
                if connection is not None:
                    connection.close()
                    connection = None
                time.sleep(0.05)  # back-off while the server is away
        done += count
        progress.add(count)
    if connection is not None:
        connection.close()


def main(arguments: dict[str, Any]) -> None:
    progress = Progress()
    writers = arguments["writers"]
    with ThreadPoolExecutor(writers) as threads:
        work = [
            threads.submit(
                write,
                arguments["dsn"],
                arguments["topics"],
                writer,
                writers,
                arguments["sinks"],
                arguments["seed"],
                progress,
            )
            for writer in range(writers)
        ]
        for each in work:
            each.result()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
