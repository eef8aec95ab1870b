"""Throughput of a whole topic to one client, beside NATS JetStream.

    python -m bench.compare.jetstream [--messages 200000] [--rounds 5] [--pg-bin DIR]

Both peers hold the same messages, the updates of a topic as they stand on the wire: Khala in its
journal, JetStream in a stream stored in files. In turns each sends them all to a client of its own
in a process of its own: a relay's socket read with `websockets`, an ordered consumer read with
`nats-py`. Time is taken in the client, from its request to the last message.
"""

import asyncio
from collections.abc import Iterator

import psycopg

from bench.compare import nats_server as nats_peer
from bench.support.databases import migrated_server
from bench.support.journal import TOPIC, fill
from bench.support.options import bench_parser, parse_options
from bench.support.processes import subscribers
from bench.support.relay_process import relaying
from bench.support.results import save, show, spread

_TARGET = 1.0
_UPDATES = """
    SELECT khala_internal.update_text(
        j.topic, j.doc_key, j.doc_version, j.watermark, j.payload_hash, j.deleted, j.payload
    )
    FROM runtime.sync_stream_events AS j WHERE j.topic = %s ORDER BY j.watermark
"""


def updates(dsn: str) -> Iterator[bytes]:
    """The topic's updates as they stand on the wire."""
    with (
        psycopg.connect(dsn) as connection,
        connection.cursor("updates") as cursor,
    ):
        cursor.itersize = 5000
        for (text,) in cursor.execute(_UPDATES, [TOPIC]):
            yield str(text).encode()


async def publish(url: str, dsn: str) -> int:
    """The topic as a stream; how many messages that are."""
    import nats
    from nats.js.api import StorageType

    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="KHALA", subjects=[TOPIC], storage=StorageType.FILE)
    for message in updates(dsn):
        await stream.publish_async(TOPIC, message)
    await stream.publish_async_completed()
    stored = (await stream.stream_info("KHALA")).state.messages
    await client.close()
    return int(stored)


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parse_options(parser, messages=5_000, rounds=1)
    nats_peer.require()
    found: dict[str, list[float]] = {"JetStream": [], "Khala": []}
    with (
        migrated_server(options.pg_bin) as server,
        nats_peer.jetstream() as nats_url,
        relaying(server.dsn()) as relay,
        subscribers("nats", nats_url, TOPIC) as theirs,
        subscribers("khala", relay.url("org-a", [TOPIC]), TOPIC) as ours,
    ):
        version = server.major
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            fill(connection, options.messages)
        stored = asyncio.run(publish(nats_url, server.dsn()))
        assert stored == options.messages, f"JetStream holds {stored} messages"
        for turn in range(options.rounds + 1):
            for name, each in (("JetStream", theirs), ("Khala", ours)):
                answer = each.ask(do="replay", count=options.messages)
                # The first turn warms up.
                if turn:
                    found[name].append(options.messages / answer["seconds"])
    ratio = spread([k / j for k, j in zip(found["Khala"], found["JetStream"], strict=True)])
    table = show(
        f"{options.messages:,} messages to a client, PostgreSQL {version}; target {_TARGET}",
        ["", "messages per second", "min", "max"],
        [
            [name, *(f"{spread(values)[what]:,.0f}" for what in ("median", "min", "max"))]
            for name, values in found.items()
        ]
        + [["Khala / JetStream", *(f"{ratio[what]:.2f}" for what in ("median", "min", "max"))]],
    )
    save(
        f"jetstream-pg{version}",
        {
            "postgresql": version,
            "messages": options.messages,
            "per_second": {name: spread(values) for name, values in found.items()},
            "ratio": ratio,
            "target": _TARGET,
        },
        [table],
    )


if __name__ == "__main__":
    main()
