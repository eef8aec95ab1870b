"""Endurance: whether anything grows, or goes wrong, in hours.

    python -m bench.endurance.endurance --minutes 30
    python -m bench.endurance.endurance --merge bench/results/endurance-A.json --merge …

500 subscribers of 20 organisations come and go, most of them for seconds, some for so long that
the journal no longer reaches back to them; 8 writers commit 200 updates a second, each of which a
ledger knows; retention runs every minute. Every subscriber is held against the ledger all the time
(each watermark that it may see, once, in order, as written) and in the end against the read model.
A publisher delivers two of the topics to a stand-in of the legacy backend, and in the end
`khala parity` finds no difference.
The first thing that does not hold ends the run, with exit status 1.

Every few seconds the relay's memory and the sizes of the tables are noted, in a file of the run's
own; `--merge` makes one table and one plot of several runs. Plots need matplotlib:
pip install '.[bench]'.
"""

import argparse
import asyncio
import json
import random
import signal
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench.endurance.follower import Follower, Habits
from bench.endurance.ledger import Ledger, ViolationError, Written
from bench.endurance.publishing import Published, publishing
from bench.endurance.report import report
from bench.support.databases import migrated_server
from bench.support.relay_process import Relaying, relaying
from bench.support.results import save

TOPICS = ("runtime.run_summaries", "runtime.codex_worker_summaries", "runtime.notifications")
WRITERS = 8
_KEYS = 10
_PUBLIC = 0.02
_TOMBSTONES = 0.1
_PATIENCE_S = 180.0
_SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid), pg_stat_get_dead_tuples(c.oid)
FROM pg_class AS c
WHERE c.relnamespace = 'runtime'::regnamespace AND c.relkind = 'r'
    AND c.relname LIKE 'sync\\_%'
"""
_READ_MODEL = """
SELECT doc_key, doc_version, payload FROM runtime.sync_documents
WHERE topic = %s AND NOT deleted AND (org_id IS NULL OR org_id = %s)
"""


@dataclass(frozen=True)
class Settings:
    """What a run does; times in seconds."""

    minutes: float
    subscribers: int
    organisations: int
    rate: float
    retain_every_s: float
    horizon_s: float
    stay_s: float
    sample_every_s: float
    seed: int


@dataclass
class Part:
    """One run, as it is saved."""

    started: str
    settings: dict[str, Any]
    samples: list[dict[str, Any]] = field(default_factory=list)
    totals: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class Run:
    """Everything that goes on at once."""

    def __init__(
        self, dsn: str, relay: Relaying, published: Published, settings: Settings, part: Part
    ) -> None:
        self._dsn = dsn
        self._published = published
        self._parity: dict[str, int] = {}
        self._relay = relay
        self._settings = settings
        self._part = part
        self._orgs = tuple(f"org-{number}" for number in range(settings.organisations))
        self._ledger = Ledger(TOPICS, self._orgs)
        self._habits = Habits(settings.stay_s, 10.0, settings.horizon_s * 2.5, 20)
        self._followers = [
            Follower(
                f"follower-{number}",
                self._orgs[number % len(self._orgs)],
                relay,
                self._ledger,
                self._rng(f"follower {number}"),
            )
            for number in range(settings.subscribers)
        ]
        self._writing = True
        self._purged = 0
        self._began = time.monotonic()

    async def run(self) -> None:
        """Raises ViolationError, perhaps in a group, when something does not hold."""
        limits = httpx.Limits(max_connections=20)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60.0, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            following = [
                group.create_task(follower.run(http, self._habits)) for follower in self._followers
            ]
            background = [
                group.create_task(work()) for work in (self._check, self._retain, self._sample)
            ]
            writers = [group.create_task(self._write(number)) for number in range(WRITERS)]
            await asyncio.sleep(self._settings.minutes * 60)
            self._writing = False
            await asyncio.gather(*writers)
            self._habits.ending.set()
            await self._all_have_all()
            for task in (*following, *background):
                task.cancel()
        self._compare_with_database()
        await self._compare_with_legacy()

    def totals(self) -> dict[str, int]:
        """What there was of everything."""
        return {
            "commits": self._ledger.commits,
            "purged": self._purged,
            "updates": sum(each.updates for each in self._followers),
            "connections": sum(each.connections for each in self._followers),
            "snapshots": sum(each.snapshots for each in self._followers),
            **self._parity,
        }

    def _rng(self, name: str) -> random.Random:
        return random.Random(f"{self._settings.seed}/{name}")

    async def _write(self, number: int) -> None:
        """Commits at its share of the rate, whatever the time a commit takes."""
        rng = self._rng(f"writer {number}")
        version = 0
        period_s = WRITERS / self._settings.rate
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            due = time.monotonic() + rng.uniform(0, period_s)
            while self._writing:
                await asyncio.sleep(max(0, due - time.monotonic()))
                due += period_s
                version += 1
                topic = rng.choice(TOPICS)
                owner = None if rng.random() < _PUBLIC else rng.choice(self._orgs)
                # Nobody else writes this document, and its owner is always the same.
                key = f"{owner}/{number}/{rng.randrange(_KEYS)}"
                if rng.random() < _TOMBSTONES:
                    payload = None
                    query = "SELECT watermark, outcome FROM khala.sink_delete(%s, %s, %s, %s)"
                    values = [topic, key, version, owner]
                else:
                    payload = {"latest_seq": version, "text": "é" * rng.randrange(200)}
                    query = "SELECT watermark, outcome FROM khala.sink(%s, %s, %s, %s::jsonb, %s)"
                    values = [topic, key, version, json.dumps(payload), owner]
                row = await (await connection.execute(query, values)).fetchone()
                if row is None or row[1] != "applied":
                    raise ViolationError(f"{topic} {key} {version} was answered with {row}")
                self._ledger.add(topic, row[0], Written(key, version, owner, payload))

    async def _check(self) -> None:
        """Holds everybody against the ledger every second, a few at a time."""
        while True:
            await asyncio.sleep(1)
            for number, follower in enumerate(self._followers):
                follower.check()
                if number % 50 == 0:
                    await asyncio.sleep(0)
            for topic in TOPICS:
                self._ledger.forget(topic, min(each.checked(topic) for each in self._followers))

    async def _retain(self) -> None:
        horizon = f"{self._settings.horizon_s} seconds"
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            while True:
                await asyncio.sleep(self._settings.retain_every_s)
                more = True
                while more:
                    found = await connection.execute(
                        "SELECT deleted, more FROM khala.retain(NULL, now(), %s::interval)",
                        [horizon],
                    )
                    rows = await found.fetchall()
                    self._purged += sum(deleted for deleted, _ in rows)
                    more = any(has_more for _, has_more in rows)

    async def _sample(self) -> None:
        updates, at = 0, self._began
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            while True:
                await asyncio.sleep(self._settings.sample_every_s)
                tables = await (await connection.execute(_SIZES)).fetchall()
                now, total = time.monotonic(), sum(each.updates for each in self._followers)
                self._part.samples.append(
                    {
                        "at_s": round(now - self._began, 1),
                        "relay_rss_bytes": self._relay.rss_bytes(),
                        "relay_cpu_s": round(self._relay.child.cpu_s(), 2),
                        "live": sum(each.is_live for each in self._followers),
                        "commits": self._ledger.commits,
                        "updates_per_s": round((total - updates) / (now - at)),
                        "table_bytes": {name: size for name, size, _ in tables},
                        "dead_rows": {name: dead for name, _, dead in tables},
                    }
                )
                updates, at = total, now

    async def _all_have_all(self) -> None:
        heads = dict(self._ledger.complete)
        deadline = time.monotonic() + _PATIENCE_S
        while not all(each.has_reached(heads) for each in self._followers):
            if time.monotonic() > deadline:
                late = [each.name for each in self._followers if not each.has_reached(heads)]
                raise ViolationError(f"{len(late)} do not have everything: {late[:5]}")
            await asyncio.sleep(0.1)

    def _compare_with_database(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            heads: dict[str, int] = dict(
                connection.execute(
                    "SELECT topic, head_watermark FROM runtime.sync_topic_sequences"
                ).fetchall()
            )
            for topic in TOPICS:
                known = self._ledger.complete[topic]
                if heads[topic] != known:
                    raise ViolationError(f"{topic}: the head is {heads[topic]}, known is {known}")
                for org in self._orgs:
                    rows = connection.execute(_READ_MODEL, [topic, org]).fetchall()
                    model = {key: (version, payload) for key, version, payload in rows}
                    for follower in self._followers:
                        if follower.org == org and follower.models[topic] != model:
                            raise ViolationError(f"{follower.name} has another {topic}")

    async def _compare_with_legacy(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while (left := self._published.left()) != (0, 0):
            if time.monotonic() > deadline:
                raise ViolationError(f"updates to be published, and set aside: {left}")
            await asyncio.sleep(0.5)
        self._parity = self._published.compare()


def endure(settings: Settings, part: Part, pg_bin: str | None) -> None:
    """One run from a new server to the last comparison; its results go into the part."""
    with (
        migrated_server(pg_bin) as server,
        relaying(server.dsn(), "--http-port=0") as relay,
        publishing(server.dsn()) as published,
    ):
        run = Run(server.dsn(), relay, published, settings, part)
        try:
            asyncio.run(run.run())
        except* ViolationError as found:
            part.violations += _texts(found)
        finally:
            part.totals = run.totals()


def _texts(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [text for each in error.exceptions for text in _texts(each)]
    return [str(error)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--organisations", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200, help="committed updates a second")
    parser.add_argument("--retain-every", type=float, default=60, help="seconds")
    parser.add_argument("--horizon", type=float, default=120, help="seconds")
    parser.add_argument("--stay", type=float, default=120, help="seconds, on the average")
    parser.add_argument("--sample-every", type=float, default=5, help="seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--pg-bin", help="directory of another PostgreSQL's programs")
    parser.add_argument("--merge", type=Path, action="append", help="make no run; join these")
    options = parser.parse_args()
    if options.merge:
        parts = [json.loads(file.read_text(encoding="utf-8")) for file in options.merge]
    else:
        settings = Settings(
            options.minutes,
            options.subscribers,
            options.organisations,
            options.rate,
            options.retain_every,
            options.horizon,
            options.stay,
            options.sample_every,
            options.seed,
        )
        part = Part(datetime.now(UTC).isoformat(timespec="seconds"), asdict(settings))
        # A run that is ended from outside still reports.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            endure(settings, part, options.pg_bin)
        finally:
            save(f"endurance-{part.started[:19].replace(':', '')}", asdict(part))
        parts = [asdict(part)]
    raise SystemExit(report(parts, merged=bool(options.merge)))


if __name__ == "__main__":
    main()
