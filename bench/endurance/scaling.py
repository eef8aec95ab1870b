"""Growth of each cost with rows, topics, subscribers and payload.

    python -m bench.endurance.scaling [rows] [topics] [subscribers] [payload] [--largest]
        [--rounds 5]

Along one axis at a time, everything else the same: journal rows 10^4 to 10^6, topics 1 to 100,
subscribers 1 to 1,000, payload 100 bytes to 256 KiB; `--largest` goes to 10^7 rows (2.5 GB), 1,000
topics and 5,000 subscribers. All axes unless some are named. What is compared is processor time as
the kernel counts it, of the backends and of the relay, with that at the smallest size. With the
extra `bench` (matplotlib) it draws scaling-AXIS.png into bench/results, or with `--largest` into
bench/plots, which the README shows.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.endurance import scaling_database, scaling_relay
from bench.endurance.scaling_database import Costs
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.results import RESULTS, save, show, spread
from khala_pg.postgres.server import PostgresServer

PLOTS = Path(__file__).resolve().parent / "plots"


@dataclass(frozen=True)
class Axis:
    """What grows, how far, and what is measured at each size."""

    label: str
    sizes: Sequence[int]
    larger: Sequence[int]
    measures: Sequence[Callable[[PostgresServer, Sequence[int], int], Costs]]
    settings: Mapping[str, str] | None = None


AXES = {
    "rows": Axis(
        "journal rows",
        [10**4, 10**5, 10**6],
        [10**7],
        [scaling_database.rows],
        {"wal_level": "minimal", "max_wal_senders": "0"},
    ),
    "topics": Axis("topics", [1, 10, 100], [1000], [scaling_database.topics, scaling_relay.topics]),
    "subscribers": Axis(
        "subscribers of one topic", [1, 10, 100, 1000], [5000], [scaling_relay.subscribers]
    ),
    "payload": Axis(
        "bytes of payload",
        [100, 1024, 4096, 16384, 65536, 262144],
        [],
        [scaling_database.payload, scaling_relay.payload],
    ),
}


def measure(name: str, options: argparse.Namespace) -> None:
    """One axis: measured on a server of its own, shown, saved and drawn."""
    axis = AXES[name]
    sizes = axis.sizes[:2] if options.quick else axis.sizes
    if options.largest:
        sizes = [*sizes, *axis.larger]
    costs: Costs = {}
    with migrated_server(options.pg_bin, axis.settings) as server:
        version = server.major
        for part in axis.measures:
            costs |= part(server, sizes, options.rounds)
    medians = {
        series: {size: statistics.median(values) for size, values in found.items()}
        for series, found in costs.items()
    }
    table = show(
        f"Processor microseconds by {axis.label}, PostgreSQL {version}",
        ["", *(f"{size:,}" for size in sizes), "last / first"],
        [
            [
                series,
                *(
                    f"{found[size]:,.4g}" if found[size] < 100 else f"{found[size]:,.0f}"
                    for size in sizes
                ),
                f"{found[sizes[-1]] / found[sizes[0]]:.2f}",
            ]
            for series, found in medians.items()
        ],
    )
    save(
        f"scaling-{name}-pg{version}",
        {
            "postgresql": version,
            "axis": axis.label,
            "series": {
                series: {str(size): spread(values) for size, values in found.items()}
                for series, found in costs.items()
            },
        },
        [table],
    )
    try:
        from bench.endurance.drawing import draw
    except ModuleNotFoundError as missing:
        print(f"no plot, because there is no {missing.name}: pip install -e '.[bench]'")
    else:
        draw(PLOTS if options.largest else RESULTS, name, axis.label, medians)


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument(
        "axes", nargs="*", choices=[*AXES, []], metavar="AXIS", help=", ".join(AXES)
    )
    parser.add_argument("--largest", action="store_true")
    options = parse_options(parser, rounds=1)
    for name in options.axes or AXES:
        measure(name, options)


if __name__ == "__main__":
    main()
