"""Cost of delivery to a relay, as its subscribers, its topics or its payloads grow.

Processor time of the relay's process and of its backends, in microseconds, and its memory. Every
update is written when the one before it has reached everybody, so that each is a wake-up of its
own. Sizes take turns in every round.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bench.endurance.scaling_database import Costs, payload_of, topic_of
from bench.support import processes
from bench.support.load import PAYLOAD
from bench.support.processes import Child
from bench.support.relay_clients import Serving, serving
from khala_pg.postgres.server import PostgresServer

_WRITES = 20
_POLL_S = 1.0
_NEVER_S = 3600.0
_numbers = itertools.count(1)
_versions = itertools.count(1_000_000)


@dataclass(frozen=True, slots=True)
class _Place:
    """A relay, clients of it, and a writer; name: the application_name of the relay's backends."""

    relay: Serving
    crowd: Child
    writer: psycopg.Connection[Any]
    name: str

    def join(self, topics: Sequence[str], clients: int) -> None:
        """So many clients subscribe to each of the topics, from its head."""
        heads = self.writer.execute(
            "SELECT topic, head_watermark FROM runtime.sync_topic_sequences WHERE topic = ANY (%s)",
            [list(topics)],
        ).fetchall()
        groups = [[self.relay.steps("org-a", head, topic), clients, 0] for topic, head in heads]
        self.crowd.ask(do="open", host=self.relay.host, port=self.relay.port, groups=groups)

    def write(self, topic: str, payload: str, clients: int) -> None:
        """One update, until so many clients have it."""
        self.crowd.ask(do="count")
        self.writer.execute("SELECT khala.sink(%s, 'd', %s, %s)", [topic, next(_versions), payload])
        self.crowd.ask(do="await", markers=clients)

    def cost_of(self, work: Callable[[], object]) -> tuple[float, float]:
        """Microseconds that relay and backends spend meanwhile."""
        before = self.relay.process.cpu_s(), self._backends_s()
        work()
        after = self.relay.process.cpu_s(), self._backends_s()
        return (after[0] - before[0]) * 1e6, (after[1] - before[1]) * 1e6

    def cost_of_an_update(
        self, topics: Sequence[str], payload: str, clients: int
    ) -> tuple[float, float]:
        """The same for one update of each of some of the topics."""

        def write_all() -> None:
            for number in range(_WRITES):
                self.write(topics[number % len(topics)], payload, clients)

        mine, backends = self.cost_of(write_all)
        return mine / _WRITES, backends / _WRITES

    def _backends_s(self) -> float:
        pids = self.writer.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [self.name]
        ).fetchall()
        files = [Path(f"/proc/{pid}/schedstat") for (pid,) in pids]
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9


@contextmanager
def _place(dsn: str, limits: Mapping[str, float] | None = None) -> Iterator[_Place]:
    name = f"bench relay {next(_numbers)}"
    with (
        serving(make_conninfo(dsn, application_name=name), **(limits or {})) as relay,
        processes.crowd() as crowd,
        psycopg.connect(dsn, autocommit=True) as writer,
    ):
        yield _Place(relay, crowd, writer, name)


def subscribers(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """So many sockets on one topic, each number on a relay of its own."""
    names = (
        "relay, an update to all",
        "relay, an update, for each socket",
        "backends, an update",
        "relay, a socket that joins",
        "relay, memory for each socket (bytes)",
    )
    found: Costs = {name: {size: [] for size in sizes} for name in names}
    with ExitStack() as stack:
        places = {size: stack.enter_context(_place(server.dsn())) for size in sizes}
        for size, place in places.items():
            topic = f"bench.s{size}"
            place.writer.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [topic])
            before = place.relay.process.memory_bytes()
            mine, _ = place.cost_of(partial(place.join, [topic], size))
            held = place.relay.process.memory_bytes() - before
            found["relay, a socket that joins"][size].append(mine / size)
            found["relay, memory for each socket (bytes)"][size].append(held / size)
        for turn in range(rounds + 1):
            for size, place in places.items():
                mine, backends = place.cost_of_an_update([f"bench.s{size}"], PAYLOAD, size)
                if turn:
                    found["relay, an update to all"][size].append(mine)
                    found["relay, an update, for each socket"][size].append(mine / size)
                    found["backends, an update"][size].append(backends)
    return found


def topics(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """So many topics with a socket on each, in the databases that scaling_database.topics made."""
    names = (
        "relay, an update of any topic",
        "backends, an update of any topic",
        "relay, a slow poll of all topics",
        "backends, a slow poll of all topics",
    )
    found: Costs = {name: {size: [] for size in sizes} for name in names}
    with ExitStack() as stack:
        busy: dict[int, _Place] = {}
        idle: dict[int, _Place] = {}
        for size in sizes:
            dsn = server.dsn(f"of_{size}")
            for places, poll_s in ((busy, _NEVER_S), (idle, _POLL_S)):
                places[size] = stack.enter_context(_place(dsn, {"slow_poll_interval_s": poll_s}))
                places[size].join([topic_of(number) for number in range(size)], 1)
        for turn in range(rounds + 1):
            for size in sizes:
                names_of = [topic_of(number) for number in range(size)]
                costs = (
                    *busy[size].cost_of_an_update(names_of, PAYLOAD, 1),
                    *idle[size].cost_of(lambda: time.sleep(_POLL_S)),
                )
                for name, cost in zip(names, costs, strict=True) if turn else ():
                    found[name][size].append(cost)
    return found


def payload(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """Payloads of so many bytes to ten sockets, a topic for each size."""
    clients = 10
    names = ("relay, an update to ten sockets", "backends, an update")
    found: Costs = {name: {size: [] for size in sizes} for name in names}
    with _place(server.dsn()) as place:
        for size in sizes:
            place.writer.execute(
                "SELECT khala.register_topic(%s, p_ownership => 'mixed')", [f"bench.r{size}"]
            )
            place.join([f"bench.r{size}"], clients)
        for turn in range(rounds + 1):
            for size in sizes:
                costs = place.cost_of_an_update([f"bench.r{size}"], payload_of(size), clients)
                for name, cost in zip(names, costs, strict=True) if turn else ():
                    found[name][size].append(cost)
    return found
