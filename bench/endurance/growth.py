"""Cost of the main calls with a long journal, beside a short one.

    python -m bench.endurance.growth [--rows 1000000] [--rounds 7] [--pg-bin DIR]

Two databases of one server, one with a journal of so many rows and one with a thousandth of them,
take turns. What is compared is the backend's processor time, as the kernel counts it: waiting for a
disk is the machine's, looking through more rows than before would be ours. `--rows 10000000` is the
full size; it takes some GB and a minute to fill. Payloads are 100 bytes.
"""

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from bench.support.databases import install, migrated_server
from bench.support.journal import TOPIC, fill
from bench.support.options import bench_parser, parse_options
from bench.support.results import save, show, spread

_PAYLOAD = '{"status":"running","done":17,"of":812,"note":"' + "x" * 50 + '"}'
_TIMES = 50
_LIMIT = 1.2

Operation = Callable[[psycopg.Connection[Any], random.Random, int], Any]


def sink(connection: psycopg.Connection[Any], rng: random.Random, rows: int) -> None:
    """One more version of one of a thousand documents."""
    connection.execute(
        "SELECT khala.sink(%s, %s, (SELECT head_watermark FROM runtime.sync_topic_sequences"
        " WHERE topic = %s), %s)",
        [TOPIC, f"run/{rng.randrange(1000)}", TOPIC, _PAYLOAD],
    )


def page_at_head(connection: psycopg.Connection[Any], rng: random.Random, rows: int) -> None:
    """The last 200 updates."""
    connection.execute("SELECT khala.replay(%s, %s, 'org-a')", [TOPIC, rows - 200])


def page_anywhere(connection: psycopg.Connection[Any], rng: random.Random, rows: int) -> None:
    """200 updates from any place."""
    connection.execute("SELECT khala.replay(%s, %s, 'org-a')", [TOPIC, rng.randrange(rows - 200)])


def cursor_check(connection: psycopg.Connection[Any], rng: random.Random, rows: int) -> None:
    """Whether one cursor is stale."""
    connection.execute(
        "SELECT khala.check_cursors(ARRAY[%s], jsonb_build_object(%s::text, %s::bigint))",
        [TOPIC, TOPIC, rng.randrange(rows)],
    )


OPERATIONS: dict[str, Operation] = {
    "sink": sink,
    "replay page at the head": page_at_head,
    "replay page anywhere": page_anywhere,
    "cursor check": cursor_check,
}


def cpu_us(
    connection: psycopg.Connection[Any], operation: Operation, rng: random.Random, rows: int
) -> float:
    """Processor time of the backend for one call, in microseconds."""
    file = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(file.read_text().split()[0])
    for _ in range(_TIMES):
        operation(connection, rng, rows)
    return (int(file.read_text().split()[0]) - before) / 1000 / _TIMES


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parse_options(parser, rows=10_000, rounds=1)
    sizes = {"small": max(options.rows // 1000, 1000), "large": options.rows}
    rng = random.Random(1)
    found: dict[str, dict[str, list[float]]] = {
        name: {size: [] for size in sizes} for name in OPERATIONS
    }
    with migrated_server(options.pg_bin) as server, ExitStack() as stack:
        version = server.major
        connections: dict[str, psycopg.Connection[Any]] = {}
        for size, rows in sizes.items():
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {size}")
            install(server.dsn(size))
            connections[size] = stack.enter_context(
                psycopg.connect(server.dsn(size), autocommit=True)
            )
            fill(connections[size], rows, _PAYLOAD)
        for turn in range(options.rounds + 1):
            for name, operation in OPERATIONS.items():
                for size, rows in sizes.items():
                    cost = cpu_us(connections[size], operation, rng, rows)
                    if turn:
                        found[name][size].append(cost)
    results = {
        name: {
            "small_us": spread(costs["small"]),
            "large_us": spread(costs["large"]),
            "ratio": spread([b / a for a, b in zip(costs["small"], costs["large"], strict=True)]),
        }
        for name, costs in found.items()
    }
    table = show(
        f"Processor microseconds with {sizes['small']:,} and {sizes['large']:,} journal rows,"
        f" PostgreSQL {version}; to stay within {_LIMIT}",
        ["", "small", "large", "large / small", "min", "max"],
        [
            [
                name,
                f"{each['small_us']['median']:,.0f}",
                f"{each['large_us']['median']:,.0f}",
                *(f"{each['ratio'][what]:.2f}" for what in ("median", "min", "max")),
            ]
            for name, each in results.items()
        ],
    )
    save(
        f"growth-pg{version}",
        {"postgresql": version, "sizes": sizes, "limit": _LIMIT, "operations": results},
        [table],
    )


if __name__ == "__main__":
    main()
