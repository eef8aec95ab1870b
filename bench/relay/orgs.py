"""Cost of a wake-up with a thousand organisations, beside one.

    python -m bench.relay.orgs [--sockets 1000] [--rounds 7] [--pg-bin DIR]

One relay, two topics whose documents are owned: one topic has a subscriber of each of a thousand
organisations, the other a thousand subscribers of one organisation. The same is written to both in
turns and the relay's processor time for it is counted, until every client has what it may have:

- `public`: one document that everybody sees.
- `mixed`: 100 that everybody sees and 100 that are owned, in the first topic by a hundred
  organisations, in the second all by the one.
- `owned`: one document for every subscriber. In the first topic that takes a document of each
  organisation, a thousand; in the second one is enough.
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.support import processes
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.relay_clients import Serving, head, serving, sink_batch, writer
from bench.support.results import save, show, spread

TOPICS = {"many": "runtime.notifications", "one": "runtime.run_summaries"}
_TARGET = 2.0
_FILLER = "x" * 400


@dataclass
class Side:
    """One topic and who is subscribed to it; `orgs` are those of its subscribers."""

    topic: str
    orgs: list[str]
    crowd: Child

    def owner(self, number: int) -> str:
        return self.orgs[number % len(self.orgs)]

    def documents(self, wake: str) -> list[str | None]:
        """The owner of each document of one wake-up."""
        match wake:
            case "public":
                return [None]
            case "mixed":
                return [None if n % 2 else self.owner(n) for n in range(200)]
        return list(dict.fromkeys(self.orgs))

    def deliveries(self, owners: list[str | None]) -> int:
        """How many updates come to clients, all clients together."""
        return sum(len(self.orgs) if o is None else self.orgs.count(o) for o in owners)


@dataclass
class Found:
    """What the rounds of one wake-up gave, for each side."""

    cpu_ms: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in TOPICS})
    pages: dict[str, set[float]] = field(default_factory=lambda: {n: set() for n in TOPICS})


def write(
    connection: psycopg.Connection[Any],
    topic: str,
    owners: list[str | None],
    version: int,
) -> None:
    """One transaction; a document stays its owner's."""
    documents = [
        {
            "doc_key": f"{owner or 'all'}/{number}",
            "doc_version": version,
            "payload": {"text": _FILLER},
            **({} if owner is None else {"org_id": owner}),
        }
        for number, owner in enumerate(owners)
    ]
    sink_batch(connection, documents, topic)


def measure(
    relay: Serving,
    connection: psycopg.Connection[Any],
    side: Side,
    wake: str,
    versions: Iterator[int],
) -> tuple[float, float]:
    """Milliseconds of processor time of the relay for one wake-up, and pages it read."""
    owners = side.documents(wake)
    side.crowd.ask(do="count")
    pages = relay.metric("khala_feed_pages_total")
    cpu_s = relay.process.cpu_s()
    side.crowd.tell(do="await", markers=side.deliveries(owners))
    write(connection, side.topic, owners, next(versions))
    got = side.crowd.hear()
    spent_ms = (relay.process.cpu_s() - cpu_s) * 1e3
    assert got["markers"] == side.deliveries(owners), got["markers"]
    return spent_ms, relay.metric("khala_feed_pages_total") - pages


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--event-loop", default="auto")
    options = parse_options(parser, sockets=50, rounds=1)
    wakes = {name: Found() for name in ("public", "mixed", "owned")}
    with migrated_server(options.pg_bin) as server, ExitStack() as stack:
        version, dsn = server.major, server.dsn()
        relay = stack.enter_context(
            # One page however many organisations have something in it.
            serving(dsn, f"--event-loop={options.event_loop}", max_batch_updates=1000)
        )
        connection = stack.enter_context(writer(dsn))
        sides = {}
        for name, topic in TOPICS.items():
            crowd = stack.enter_context(processes.crowd())
            orgs = [f"org-{n if name == 'many' else 0}" for n in range(options.sockets)]
            top = head(dsn, topic)
            groups = [
                [relay.steps(org, top, topic), orgs.count(org), 0] for org in dict.fromkeys(orgs)
            ]
            crowd.ask(do="open", host=relay.host, port=relay.port, groups=groups)
            sides[name] = Side(topic, orgs, crowd)
        versions = itertools.count(1)
        for turn in range(options.rounds + 1):
            for wake, found in wakes.items():
                for name, side in sides.items():
                    spent_ms, pages = measure(relay, connection, side, wake, versions)
                    # The first round warms up.
                    if turn:
                        found.cpu_ms[name].append(spent_ms)
                        found.pages[name].add(pages)
    rows, saved = [], {}
    for wake, found in wakes.items():
        many, one = found.cpu_ms["many"], found.cpu_ms["one"]
        ratio = spread([a / b for a, b in zip(many, one, strict=True)])
        queries = {name: sorted(pages) for name, pages in found.pages.items()}
        rows.append(
            [
                wake,
                f"{spread(many)['median']:.1f}",
                f"{spread(one)['median']:.1f}",
                *(f"{ratio[what]:.2f}" for what in ("median", "min", "max")),
                " / ".join(",".join(f"{n:.0f}" for n in each) for each in queries.values()),
            ]
        )
        saved[wake] = {
            "cpu_ms": {name: spread(values) for name, values in found.cpu_ms.items()},
            "ratio": ratio,
            "pages": queries,
        }
    table = show(
        f"One wake-up, {options.sockets} organisations with a socket each, and one with"
        f" {options.sockets}: the relay's processor time; target at most {_TARGET}",
        ["", "many, ms", "one, ms", "many / one", "min", "max", "pages"],
        rows,
    )
    save(
        f"orgs-pg{version}",
        {"postgresql": version, "sockets": options.sockets, "wakes": saved},
        [table],
    )


if __name__ == "__main__":
    main()
