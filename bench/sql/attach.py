"""What an attached table costs its writers, beside the same table without it.

    python -m bench.sql.attach [--rounds 7] [--quick]

One session writes to two equal tables in turns, one of which is attached; nothing is sequenced
meanwhile, because another process does that. What is compared is the backend's processor time, as
the kernel counts it, so that a busy machine or a slow disk does not count. Sequencing is measured
by itself: khala.sequence on what the writers have staged, a document.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.results import ratio_text, ratios, save, show, spread

_BATCH = 1000
_SINGLES = 300
_TOPIC = "public.attached"
_TARGET_RATIO = 2.5
_TARGET_ROW_MS = 0.35
_TABLE = (
    "CREATE TABLE {} (id bigint PRIMARY KEY, org_id text NOT NULL, customer text NOT NULL,"
    " status text NOT NULL, total numeric(12, 2) NOT NULL, note text,"
    " created_at timestamptz NOT NULL DEFAULT now())"
)
_INSERT = (
    "INSERT INTO {} (id, org_id, customer, status, total, note)"
    " SELECT n, 'org ' || n %% 20, 'customer/' || n %% 500, 'open', n / 100.0, repeat('note ', 20)"
    " FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n"
)
_UPDATE = "UPDATE {} SET status = 'paid' WHERE id BETWEEN %(first)s AND %(last)s"
_DELETE = "DELETE FROM {} WHERE id BETWEEN %(first)s AND %(last)s"
_STATEMENTS = {"INSERT": _INSERT, "UPDATE": _UPDATE, "DELETE": _DELETE}


class Backend:
    """A session and the processor time of its backend."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self._schedstat = Path(f"/proc/{self.connection.info.backend_pid}/schedstat")

    def cpu_ms(self, work: Callable[[psycopg.Connection[Any]], object]) -> float:
        before = self._read()
        work(self.connection)
        return self._read() - before

    def _read(self) -> float:
        return int(self._schedstat.read_text().split()[0]) / 1e6


def sequence(connection: psycopg.Connection[Any]) -> int:
    """Documents that were sequenced, until nothing is left."""
    done = 0
    while True:
        row = connection.execute("SELECT * FROM khala.sequence(%s)", [_TOPIC]).fetchone()
        if row is None or row[1] != "more":
            return done + (row[0] if row else 0)
        done += row[0]


def measure(dsn: str, rounds: int) -> dict[str, Any]:
    backend, sequencer = Backend(dsn), Backend(dsn)
    run = backend.connection.execute
    for table in ("plain", "attached"):
        run(_TABLE.format(table).encode())
    run("SELECT khala.attach('public.attached', '{id}', 'org_id')")
    sequence(sequencer.connection)
    found: dict[str, list[float]] = {}
    first = 1
    for turn in range(rounds + 1):
        for rows, calls in ((_BATCH, 1), (1, _SINGLES)):
            for name, statement in _STATEMENTS.items():
                for table in ("plain", "attached"):
                    query = statement.format(table).encode()

                    def write(
                        connection: psycopg.Connection[Any],
                        query: bytes = query,
                        rows: int = rows,
                        calls: int = calls,
                        first: int = first,
                    ) -> None:
                        for call in range(calls):
                            begin = first + call * rows
                            connection.execute(
                                query, {"first": begin, "last": begin + rows - 1}, prepare=True
                            )

                    spent = backend.cpu_ms(write)
                    if turn:
                        found.setdefault(f"{name}, {rows} rows, {table}", []).append(spent / calls)
                documents = 0

                def sequenced(connection: psycopg.Connection[Any]) -> None:
                    nonlocal documents
                    documents = sequence(connection)

                spent = sequencer.cpu_ms(sequenced)
                if turn:
                    found.setdefault(f"{name}, {rows} rows, sequencing", []).append(
                        spent / documents
                    )
            first += rows * calls
    return found


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    options = parse_options(parser, rounds=2)
    with migrated_server(options.pg_bin) as server:
        found = measure(server.dsn(), options.rounds)
        with psycopg.connect(server.dsn()) as connection:
            version = connection.info.parameter_status("server_version")
    rows = []
    for name in _STATEMENTS:
        for count in (_BATCH, 1):
            plain, attached = (found[f"{name}, {count} rows, {t}"] for t in ("plain", "attached"))
            more = [a - p for a, p in zip(attached, plain, strict=True)]
            rows.append(
                [
                    f"{name} of {count}",
                    f"{statistics.median(plain):.3f}",
                    f"{statistics.median(attached):.3f}",
                    ratio_text(ratios(attached, plain)),
                    f"{statistics.median(more):.3f}",
                    f"{_TARGET_RATIO} times" if count == _BATCH else f"{_TARGET_ROW_MS} ms more",
                    f"{statistics.median(found[f'{name}, {count} rows, sequencing']) * 1000:.0f}",
                ]
            )
    table = show(
        f"Attached table, PostgreSQL {version}: processor milliseconds a statement",
        ["statement", "plain", "attached", "ratio", "more", "at most", "sequencing, µs a document"],
        rows,
    )
    save("attach", {"version": version, "ms": {k: spread(v) for k, v in found.items()}}, [table])


if __name__ == "__main__":
    main()
