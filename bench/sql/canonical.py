"""Cost of canonical text in SQL, beside the text that the server prints.

    python -m bench.sql.canonical [--rounds 7] [--pg-bin DIR]

Processor time of the backend for one document, as the kernel counts it, so that a busy machine
shows little in it; the peer is what the server takes to print the same value its own way. Dense
documents have a member for every 17 bytes or so, and an object for every 60: more of both than
summaries have.
"""

import json
from pathlib import Path
from typing import Any

import psycopg

from bench.support.databases import migrated_server
from bench.support.load import RUN_SUMMARY
from bench.support.options import bench_parser, parse_options
from bench.support.results import save, show, spread

_TIMES = {
    "tiny": 400,
    "summary of 4 KiB": 100,
    "summary of 256 KiB": 20,
    "dense, 4 KiB": 100,
    "dense, 256 KiB": 4,
}


def documents() -> dict[str, dict[str, Any]]:
    """What is measured, by name."""
    return {
        "tiny": {"run_id": "run-1", "status": "running", "n": 3, "labels": {"a": "b"}},
        "summary of 4 KiB": summary(4096),
        "summary of 256 KiB": summary(256 * 1024),
        "dense, 4 KiB": dense(4096),
        "dense, 256 KiB": dense(256 * 1024),
    }


def summary(size: int) -> dict[str, Any]:
    """What khala's own projection makes of a run, with long texts."""
    made = {
        **RUN_SUMMARY,
        "command": ["python3", "-m", "pytest", *(f"tests/unit/test_{n}.py" for n in range(20))],
        "task": "t" * 400,
        "progress": {"done": 17, "of": 812, "stages": {"build": 1, "test": 0.25}},
        "signal": None,
        "finished_at": None,
    }
    return _padded(made, size)


def dense(size: int) -> dict[str, Any]:
    """As many members and objects as fit."""
    steps: list[dict[str, Any]] = []
    made: dict[str, Any] = {"load": [0.42, 0.35, 0.31], "labels": {"branch": "naïve"}, "a": steps}
    while len(_text(made)) < size - 130:
        at = len(steps)
        steps.append(
            {
                "index": at,
                "name": f"step {at}: compile module",
                "status": "succeeded",
                "ms": 17.5 + at,
                "lines": {"in": 120 * at, "out": 3},
            }
        )
    return _padded(made, size)


def _padded(made: dict[str, Any], size: int) -> dict[str, Any]:
    return {**made, "pad": "x" * max(0, size - len(_text(made)) - len(',"pad":""'))}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def cpu_ms(connection: psycopg.Connection[Any], query: str) -> float:
    """Processor time that the backend spends on a query, in milliseconds."""
    file = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(file.read_text().split()[0])
    connection.execute(query).fetchall()
    return (int(file.read_text().split()[0]) - before) / 1e6


_EXPRESSIONS = {
    "canonical_ms": "length(khala.canonical_json(g.payload))",
    "hash_ms": "length(khala.payload_hash(g.payload))",
    "server_text_ms": "length(g.payload::text)",
}


def measure(connection: psycopg.Connection[Any], times: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds for each document of table given, a number a round, in turns."""
    found: dict[str, list[float]] = {name: [] for name in _EXPRESSIONS}
    for turn in range(rounds + 1):
        for name, expression in _EXPRESSIONS.items():
            cost = cpu_ms(connection, f"SELECT sum({expression}) FROM given AS g") / times
            # The first turn warms up.
            if turn:
                found[name].append(cost)
    return found


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    options = parse_options(parser, rounds=1)
    results: dict[str, Any] = {}
    with (
        migrated_server(options.pg_bin) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
    ):
        version = server.major
        connection.execute("CREATE TEMP TABLE given (payload jsonb)")
        for name, payload in documents().items():
            connection.execute("TRUNCATE given")
            connection.execute(
                "INSERT INTO given SELECT %s::jsonb FROM generate_series(1, %s)",
                (_text(payload), _TIMES[name]),
            )
            found = measure(connection, _TIMES[name], options.rounds)
            costs = zip(found["canonical_ms"], found["server_text_ms"], strict=True)
            results[name] = {
                "bytes": len(_text(payload).encode()),
                **{what: spread(values) for what, values in found.items()},
                "ratio": spread([canonical / text for canonical, text in costs]),
            }
    rows = [
        [
            name,
            f"{each['bytes']:,}",
            *(f"{each[what]['median']:.3f}" for what in _EXPRESSIONS),
            *(f"{each['ratio'][what]:.1f}" for what in ("median", "min", "max")),
        ]
        for name, each in results.items()
    ]
    table = show(
        f"Canonical text in SQL, PostgreSQL {version}: processor milliseconds a document",
        ["document", "bytes", "canonical", "with hash", "payload::text", "ratio", "min", "max"],
        rows,
    )
    save(f"canonical-pg{version}", {"postgresql": version, "documents": results}, [table])


if __name__ == "__main__":
    main()
