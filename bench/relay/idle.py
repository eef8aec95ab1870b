"""Cost of a socket that is subscribed and gets nothing, beside a bare one.

    python -m bench.relay.idle [--sockets 10000] [--rounds 1] [--pg-bin DIR]

All sockets are opened on one worker, joined and subscribed; memory is what is private to the
process, after less before, by the number of sockets. The peer is a bare server of `websockets` with
the same number of open connections, without compression and without its task that pings. Then the
relay's processor time while nothing happens but two heartbeats to each socket.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.support import processes
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.relay_clients import head, open_all, opening, serving
from bench.support.results import ratio_text, ratios, save, show, spread

_TARGET = 1.3
_CROWDS = 2
# So many at once ask the relay to subscribe.
_MOST = 64


@contextmanager
def crowds(count: int) -> Iterator[list[Child]]:
    """Client processes; each has addresses of its own, for the number of its ports is bounded."""
    with ExitStack() as stack:
        yield [stack.enter_context(processes.crowd()) for _ in range(count)]


def open_sockets(host: str, port: int, steps: list[Any], sockets: int, many: list[Child]) -> float:
    """Seconds that it took to open them."""
    started = time.monotonic()
    share = sockets // len(many)
    for number, crowd in enumerate(many):
        crowd.tell(
            do="open",
            host=host,
            port=port,
            groups=[[steps, share, 0]],
            most=_MOST,
            source=f"127.0.0.{2 + number}",
        )
    for crowd in many:
        crowd.hear()
    return time.monotonic() - started


def of_relay(dsn: str, sockets: int, idle_s: float, loop: str) -> dict[str, float]:
    """Bytes a socket, and how it went."""
    with (
        serving(dsn, f"--event-loop={loop}", heartbeat_interval_s=idle_s / 2) as relay,
        crowds(_CROWDS) as many,
    ):
        steps = relay.steps("org-a", head(dsn))
        # What is loaded at the first use is no cost of a socket.
        with processes.crowd() as first:
            open_all(first, relay.host, relay.port, steps, 10)
        before = relay.process.memory_bytes()
        took_s = open_sockets(relay.host, relay.port, steps, sockets, many)
        held = relay.process.memory_bytes() - before
        assert relay.metric("khala_subscriptions", state="live") == sockets
        beats, cpu_s = relay.metric("khala_heartbeats_total"), relay.process.cpu_s()
        time.sleep(idle_s)  # the time whose cost is measured
        spent_s = relay.process.cpu_s() - cpu_s
        beats = relay.metric("khala_heartbeats_total") - beats
        assert relay.metric("khala_connections_active") == sockets
    return {
        "bytes": held / sockets,
        "opened_per_second": sockets / took_s,
        "idle_cpu": spent_s / idle_s,
        "heartbeats": beats,
    }


def of_peer(sockets: int, loop: str) -> dict[str, float]:
    """The same of a bare server."""
    with processes.peer("websockets", f"--loop={loop}") as server, crowds(_CROWDS) as many:
        port, steps = server.hello["port"], [(opening("/"), " 101 ")]
        with processes.crowd() as first:
            open_all(first, "127.0.0.1", port, steps, 10)
        before = server.memory_bytes()
        took_s = open_sockets("127.0.0.1", port, steps, sockets, many)
        return {
            "bytes": (server.memory_bytes() - before) / sockets,
            "opened_per_second": sockets / took_s,
        }


def main() -> None:
    parser = bench_parser(__doc__, rounds=1)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds of doing nothing")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    options = parse_options(parser, sockets=100, rounds=1, idle=1.0)
    processes.require(files=options.sockets, ports=options.sockets // _CROWDS)
    # The relay and the crowds inherit it.
    processes.raise_file_limit()
    relays, peers = [], []
    with migrated_server(options.pg_bin) as server:
        version = server.major
        for _ in range(options.rounds):
            relays.append(of_relay(server.dsn(), options.sockets, options.idle, options.loop))
            peers.append(of_peer(options.sockets, options.loop))
    relay, peer = (
        {what: spread([each[what] for each in found]) for what in found[0]}
        for found in (relays, peers)
    )
    ratio = ratios([each["bytes"] for each in relays], [each["bytes"] for each in peers])
    table = show(
        f"{options.sockets:,} idle sockets on one worker, {options.loop}, PostgreSQL {version};"
        f" target of bytes: at most {_TARGET} of bare",
        ["", "bytes a socket", "of bare", "opened a second", "of a core, idle", "heartbeats"],
        [
            [
                "relay",
                f"{relay['bytes']['median']:,.0f}",
                ratio_text(ratio),
                f"{relay['opened_per_second']['median']:,.0f}",
                f"{relay['idle_cpu']['median']:.1%}",
                f"{relay['heartbeats']['median']:,.0f}",
            ],
            [
                "bare",
                f"{peer['bytes']['median']:,.0f}",
                "",
                f"{peer['opened_per_second']['median']:,.0f}",
                "",
                "",
            ],
        ],
    )
    save(
        f"idle-pg{version}",
        {
            "postgresql": version,
            "sockets": options.sockets,
            "loop": options.loop,
            "relay": relay,
            "websockets": peer,
            "ratio": ratio,
            "target": _TARGET,
        },
        [table],
    )


if __name__ == "__main__":
    main()
