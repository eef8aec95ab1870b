"""Cost of a purge to writers, and the size of the journal in the long run.

    python -m bench.endurance.retention [--rows 240000] [--rounds 5] [--seconds 2]
        [--subscribers 40]
    python -m bench.endurance.retention --way 1 --rows 5000000 --rounds 1 --quiet 60 \\
        --seconds 600 --subscribers 200

8 writers on 8 topics, 400 sinks a second between them, each topic followed by its share of the
subscribers, who check that no watermark is missing. In each round and for each way to purge: some
seconds of quiet, then a share of the rows is purged as fast as it goes, for as many seconds at
most. The ratio is the 99th percentile of the sinks that met the purge over that of the quiet before
it, counted from when each sink was due. Ways: khala.retain with 10,000 rows a topic and call, one
call after the other; and as `khala retain` calls it, 1,000 of one topic at a time and at rest for
most of the time.

The second table is the journal's size through ten horizons: each is written, then the one before
is purged.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from bench.endurance.retention_scene import (
    TOPICS,
    Connection,
    Place,
    database,
    fill,
    follow,
    head_of,
)
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.relay_process import relaying
from bench.support.results import save, show, spread
from khala_pg.cli.topics.retain import BATCH, SHARE, rest_s

_LIMIT = 1.5
_SETTLE_S = 1.0
_HORIZONS = 10
_SIZE = """
SELECT
    pg_table_size('runtime.sync_stream_events'),
    pg_indexes_size('runtime.sync_stream_events')
"""

_OLD = "2000-01-01"
_CUTOFF = "2001-01-01"


@dataclass(frozen=True)
class Way:
    """One way to purge.

    purge: one step over all topics, of so many rows at most if the way can choose; the rows that
    went with it, 0 when there are no more.
    """

    name: str
    purge: Callable[[Connection, str, int], int]


def retain(batch: int) -> Callable[[Connection, str, int], int]:
    def purge(connection: Connection, cutoff: str, most: int) -> int:
        step = min(batch, max(1, most // len(TOPICS)))
        rows = connection.execute(
            "SELECT deleted FROM khala.retain(NULL, %s, '0', %s)", [cutoff, step]
        ).fetchall()
        return sum(deleted for (deleted,) in rows)

    return purge


def retain_in_turns(batch: int) -> Callable[[Connection, str, int], int]:
    """A batch of one topic, then one of the next."""
    turns = cycle(TOPICS)

    def purge(connection: Connection, cutoff: str, most: int) -> int:
        for topic in islice(turns, len(TOPICS)):
            row = connection.execute(
                "SELECT deleted FROM khala.retain(%s, %s, '0', %s)",
                [topic, cutoff, min(batch, most)],
            ).fetchone()
            if row is not None and row[0]:
                return int(row[0])
        return 0

    return purge


def rested(
    purge: Callable[[Connection, str, int], int], share: float
) -> Callable[[Connection, str, int], int]:
    """The same, but it works only for that share of the time, as `khala retain` does."""

    def purge_and_rest(connection: Connection, cutoff: str, most: int) -> int:
        began = time.monotonic()
        purged = purge(connection, cutoff, most)
        time.sleep(rest_s(time.monotonic() - began, share))
        return purged

    return purge_and_rest


def ways_with(share: float) -> Sequence[Way]:
    """All of them; share: of the time, that `khala retain` works."""
    return (
        Way("retain, 10,000", retain(10_000)),
        Way("khala retain", rested(retain_in_turns(BATCH), share)),
    )


@dataclass
class Seen:
    """What one way showed, a number a round: milliseconds, rows a second, share of the time."""

    quiet_p50: list[float] = field(default_factory=list)
    quiet_p99: list[float] = field(default_factory=list)
    purge_p99: list[float] = field(default_factory=list)
    purge_worst: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [b / a for a, b in zip(self.quiet_p99, self.purge_p99, strict=True)]


async def measure(
    way: Way, place: Place, rows: int, quiet_s: float, seconds: float, rate: float
) -> list[Any]:
    """Quiet, then a purge of so many rows, in so many seconds at most; what goes into Seen."""
    purged, began, ended = 0, 0.0, 0.0

    def purge() -> None:
        nonlocal purged, began, ended
        began = ended = time.time()
        while purged < rows and ended - began < seconds:
            step = way.purge(place.connection, _CUTOFF, rows - purged)
            if not step:
                raise RuntimeError("there was nothing more to purge: more --rows are needed")
            purged += step
            ended = time.time()

    writing = asyncio.create_task(place.write(_SETTLE_S + quiet_s + seconds, rate))
    await asyncio.sleep(_SETTLE_S + quiet_s)
    await asyncio.to_thread(purge)
    seen = await writing
    quiet = sorted(ms for at, ms in seen if began - quiet_s <= at < began)
    purging = sorted(ms for at, ms in seen if began <= at and at - ms / 1000 < ended)
    return [
        statistics.median(quiet),
        percentile(quiet, 0.99),
        percentile(purging, 0.99),
        purging[-1],
        purged,
        ended - began,
    ]


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def take_turns(
    options: argparse.Namespace, ways: Sequence[Way], place: Place
) -> dict[str, Seen]:
    """The rounds, with subscribers live all the while."""
    seen = {way.name: Seen() for way in ways}
    rounds = options.rounds + (options.rounds > 1)
    async with asyncio.TaskGroup() as group:
        head = head_of(place.connection)
        following = [
            group.create_task(follow(place.relay, number, head))
            for number in range(options.subscribers)
        ]
        for turn in range(rounds):
            for way in ways:
                numbers = await measure(
                    way,
                    place,
                    options.rows // rounds // len(TOPICS) * len(TOPICS),
                    options.seconds if options.quiet is None else options.quiet,
                    options.seconds,
                    options.rate,
                )
                print(f"round {turn}: {way.name}: {[round(n, 2) for n in numbers]}", flush=True)
                if turn or rounds == 1:
                    for series, number in zip(vars(seen[way.name]).values(), numbers, strict=True):
                        series.append(number)
        for task in following:
            task.cancel()
    return seen


def horizons(connection: Connection, way: Way, rows: int) -> list[tuple[int, int]]:
    """Bytes of the journal's tables and indexes after each horizon of so many rows a topic."""
    sizes = []
    for number in range(_HORIZONS):
        fill(connection, number * rows + 1, (number + 1) * rows, f"{2000 + number}-06-01")
        while way.purge(connection, f"{2000 + number}-01-01", _HORIZONS * rows * len(TOPICS)):
            pass
        # Autovacuum would, but not as often as horizons end here.
        connection.execute("VACUUM runtime.sync_stream_events")
        row = connection.execute(_SIZE).fetchone()
        assert row is not None
        sizes.append((int(row[0]), int(row[1])))
    return sizes


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--rows", type=int, default=240_000, help="for each way, all topics")
    parser.add_argument("--seconds", type=float, default=2, help="of quiet, and of purging")
    parser.add_argument("--quiet", type=float, help="seconds of quiet, if not as many")
    parser.add_argument("--rate", type=float, default=400, help="sinks a second, all writers")
    parser.add_argument("--subscribers", type=int, default=40)
    parser.add_argument("--horizon-rows", type=int, default=20_000, help="of all topics")
    parser.add_argument(
        "--way", type=int, action="append", choices=range(2), help="only these, by number"
    )
    parser.add_argument("--share", type=float, default=SHARE, help="as `khala retain` takes it")
    options = parse_options(
        parser, rows=16_000, rounds=1, seconds=1, horizon_rows=800, subscribers=8
    )
    rounds = options.rounds + (options.rounds > 1)
    piece = options.rows // rounds // len(TOPICS)
    whole = piece * rounds
    ways = [
        way
        for number, way in enumerate(ways_with(options.share))
        if options.way is None or number in options.way
    ]
    with migrated_server(options.pg_bin) as server:
        version = server.major
        with (
            database(server, "purged") as connection,
            relaying(server.dsn("purged")) as relay,
        ):
            fill(connection, 1, whole * len(ways), _OLD)
            connection.execute("VACUUM (ANALYZE) runtime.sync_stream_events")
            # What filling left to be written is not to be written while it is quiet.
            connection.execute("CHECKPOINT")
            place = Place(server, "purged", connection, relay)
            seen = asyncio.run(take_turns(options, ways, place))
        step = options.horizon_rows // len(TOPICS)
        with database(server, "horizons") as connection:
            grown = {ways[0].name: horizons(connection, ways[0], step)}
    _show(version, options, seen, grown)


def _show(
    version: int,
    options: argparse.Namespace,
    seen: dict[str, Seen],
    grown: dict[str, list[tuple[int, int]]],
) -> None:
    ratios = {name: spread(each.ratios) for name, each in seen.items()}
    tables = [
        show(
            f"Writers' p99 while rows are purged over that before, PostgreSQL {version},"
            f" {options.subscribers} subscribers; to stay within {_LIMIT}",
            [
                "",
                "ratio",
                "min",
                "max",
                "quiet p50 ms",
                "quiet p99",
                "purging p99",
                "worst",
                "rows/s",
            ],
            [
                [
                    name,
                    *(f"{ratios[name][what]:.2f}" for what in ("median", "min", "max")),
                    *(
                        f"{statistics.median(series):.1f}"
                        for series in (each.quiet_p50, each.quiet_p99, each.purge_p99)
                    ),
                    f"{max(each.purge_worst):.1f}",
                    f"{sum(each.rows) / sum(each.took_s):,.0f}",
                ]
                for name, each in seen.items()
            ],
        ),
        show(
            f"MiB of the journal and its index through horizons of {options.horizon_rows:,} rows",
            ["horizon", *grown],
            [
                *(
                    [
                        str(number + 1),
                        *(
                            f"{sizes[number][0] / 2**20:.1f} + {sizes[number][1] / 2**20:.1f}"
                            for sizes in grown.values()
                        ),
                    ]
                    for number in range(_HORIZONS)
                ),
                ["last / second", *(f"{sum(s[-1]) / sum(s[1]):.2f}" for s in grown.values())],
            ],
        ),
    ]
    save(
        f"retention-pg{version}",
        {
            "postgresql": version,
            "settings": vars(options),
            "limit": _LIMIT,
            "ratios": ratios,
            "ways": {name: vars(each) for name, each in seen.items()},
            "horizons_bytes": grown,
        },
        tables,
    )


if __name__ == "__main__":
    main()
