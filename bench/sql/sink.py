"""Sinks of documents, beside plain INSERTs and message-db, in the same run.

    python -m bench.sql.sink [--rounds 5] [--seconds 1] [--relay no|live] [--only TEXT] [--quick]

The same payload is written by 1, 8 and 32 clients: to eight topics (of message-db: categories) and
to one. Within a round the cases take turns, so that a ratio compares neighbours in time. All of it
is measured twice, without a relay and with one live: its subscriber has got every update, once, at
the end. A batch is 100 documents in one call, beside one INSERT of the same rows.

message-db, which comes from npm, appends only: it keeps no read model and hashes nothing. Beside
speeds stands the backends' processor time for one write, over that of the peer that the target is
about: on a busy machine, or a slow disk, only that says anything about the code.
`--quick` takes under a minute: two rounds without a relay.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.compare import message_db
from bench.support.databases import migrated_server
from bench.support.delivery import listened_to
from bench.support.load import PAYLOAD, Load, array, run_pgbench, scripts
from bench.support.options import bench_parser, parse_options
from bench.support.results import Shown, ratio_text, ratios, save, show, spread
from khala_pg.postgres.server import PostgresServer

_TOPICS = [f"bench.t{number}" for number in range(8)]
_BATCH = 100
_SLOW_POLL_S = 5.0
_VERSION = "1234567890123456"
# Each client has documents of its own: none is turned away for an older version.
_KEY = "'doc/' || :client_id || '/' || :key"
_DRAW = "\\set version :version + 1\n\\set key random(1, 200)\n"
_DRAW_TOPIC = "\\set topic random(0, 7)\n"
_KEYS = [f"doc/@/{number}" for number in range(_BATCH)]
_DOCUMENTS = [
    {"doc_key": key, "doc_version": int(_VERSION), "payload": json.loads(PAYLOAD)} for key in _KEYS
]


@dataclass(frozen=True)
class Case:
    """Something to measure.

    peers: the cases that it is compared with, by what the table's columns call them.
    targets: ratios to the last of them, without a relay and with one live, by number of clients.
    """

    script: str
    clients: Sequence[int] = (1, 8, 32)
    database: str = "postgres"
    variables: Mapping[str, str] = field(default_factory=lambda: {"payload": PAYLOAD})
    peers: Sequence[str] = ()
    targets: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


_CASES = {
    "plain INSERT": Case(
        _DRAW
        + f"INSERT INTO plain (doc_key, doc_version, payload) VALUES ({_KEY}, :version, :payload);"
    ),
    "message-db, 8 categories": Case(
        _DRAW_TOPIC + message_db.WRITE.format(stream="'bench' || :topic || '-1'"),
        database=message_db.DATABASE,
        peers=["plain INSERT"],
    ),
    "sink, 8 topics": Case(
        _DRAW
        + _DRAW_TOPIC
        + f"SELECT * FROM khala.sink('bench.t' || :topic, {_KEY}, :version, :payload);",
        peers=["plain INSERT", "message-db, 8 categories"],
        targets={"no": {1: 0.9, 8: 0.9, 32: 0.9}, "live": {1: 0.75, 8: 0.75, 32: 0.75}},
    ),
    "message-db, one category": Case(
        message_db.WRITE.format(stream="'bench0-1'"),
        database=message_db.DATABASE,
        peers=["plain INSERT"],
    ),
    "sink, one topic": Case(
        _DRAW + f"SELECT * FROM khala.sink('bench.t0', {_KEY}, :version, :payload);",
        peers=["plain INSERT", "message-db, one category"],
        targets={"no": {1: 0.9, 8: 0.9, 32: 1.0}, "live": {1: 0.75, 8: 0.75, 32: 0.75}},
    ),
    "INSERT of 100 rows": Case(
        "\\set version :version + 1\n"
        "INSERT INTO plain (doc_key, doc_version, payload)"
        " SELECT replace(r.doc_key, '@', :client_id::text), :version, r.payload::jsonb"
        " FROM unnest(:keys::text[], :payloads::text[]) AS r (doc_key, payload);",
        clients=[1],
        variables={"keys": array(_KEYS), "payloads": array([PAYLOAD] * _BATCH)},
    ),
    "sink_batch of 100": Case(
        "\\set version :version + 1\nSELECT count(*) FROM khala.sink_batch('bench.t0', replace("
        f"replace(:documents, '{_VERSION}', :version::text), '@', :client_id::text)::jsonb);",
        clients=[1],
        variables={"documents": json.dumps(_DOCUMENTS, separators=(",", ":"))},
        peers=["INSERT of 100 rows"],
        targets={"no": {1: 0.4}, "live": {}},
    ),
}
_RELAY = {"no": "no relay", "live": "a relay live"}

Key = tuple[str, int]


def prepare(server: PostgresServer) -> None:
    """Topics, and what the peers write to."""
    message_db.create_database(server)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for topic in _TOPICS:
            connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [topic])
        connection.execute(
            "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " doc_key text NOT NULL, doc_version bigint NOT NULL, payload jsonb NOT NULL)"
        )


def chosen(text: str) -> list[Key]:
    """Cases with this text in their names, and their peers, by clients and then as they stand."""
    wanted = {name for name in _CASES if text in name}
    wanted |= {peer for name in wanted for peer in _CASES[name].peers}
    keys = [
        (name, clients) for name in _CASES if name in wanted for clients in _CASES[name].clients
    ]
    return sorted(keys, key=lambda key: key[1])


def measure(
    server: PostgresServer,
    files: Mapping[str, Path],
    keys: Sequence[Key],
    rounds: int,
    seconds: int,
) -> dict[Key, list[Load]]:
    """Each case, once a round; a first round, of eight clients or one, warms up."""
    found: dict[Key, list[Load]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name, clients in keys:
            if not turn and clients != min(8, _CASES[name].clients[-1]):
                continue
            case = _CASES[name]
            load = run_pgbench(server, files[name], clients, seconds, case.variables, case.database)
            if turn:
                found[name, clients].append(load)
    return found


def rows_of(relay: str, found: Mapping[Key, Sequence[Load]]) -> list[dict[str, Any]]:
    """Each case as it is saved."""
    speeds = {key: [load.per_second for load in loads] for key, loads in found.items()}
    costs = {key: [load.cpu_us for load in loads] for key, loads in found.items()}
    return [
        {
            "case": name,
            "clients": clients,
            "per_second": spread(speeds[name, clients]),
            "cpu_us": spread(costs[name, clients]),
            # Of the last peer, as the target is.
            "cpu_of": [
                ratios(costs[name, clients], costs[peer, clients])
                for peer in _CASES[name].peers[-1:]
            ],
            "of": {
                peer: ratios(speeds[name, clients], speeds[peer, clients])
                for peer in _CASES[name].peers
            },
            "target": _CASES[name].targets.get(relay, {}).get(clients),
        }
        for name, clients in found
    ]


def print_rows(relay: str, version: int, rows: Sequence[Mapping[str, Any]]) -> Shown:
    def of(row: Mapping[str, Any], is_mine: bool) -> str:
        found = [
            ratio for peer, ratio in row["of"].items() if peer.startswith("message-db") == is_mine
        ]
        return ratio_text(found[0]) if found else ""

    columns = [
        "",
        "clients",
        "a second",
        "of INSERT",
        "of message-db",
        "target",
        "backend µs",
        "µs of last peer",
    ]
    return show(
        f"Writes, {_RELAY[relay]}, PostgreSQL {version}, {len(PAYLOAD)} bytes of payload",
        columns,
        [
            [
                row["case"],
                str(row["clients"]),
                f"{row['per_second']['median']:,.0f}",
                of(row, is_mine=False),
                of(row, is_mine=True),
                "" if row["target"] is None else f"{row['target']:.2f}",
                f"{row['cpu_us']['median']:,.0f}",
                *([ratio_text(ratio) for ratio in row["cpu_of"]] or [""]),
            ]
            for row in rows
        ],
    )


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=int, default=1, help="of each case in each round")
    parser.add_argument("--relay", choices=_RELAY, action="append", help="both if not given")
    parser.add_argument("--only", default="", help="part of the names of the cases to measure")
    options = parse_options(parser, rounds=2, relay=["no"])
    texts = {name: case.script for name, case in _CASES.items()}
    results, tables = {}, []
    with migrated_server(options.pg_bin) as server, scripts(texts) as files:
        version = server.major
        prepare(server)
        for relay in options.relay or _RELAY:
            is_live = relay == "live"
            with listened_to(server.dsn(), _TOPICS, _SLOW_POLL_S) if is_live else nullcontext():
                keys = chosen(options.only)
                found = measure(server, files, keys, options.rounds, options.seconds)
            results[relay] = rows_of(relay, found)
            tables.append(print_rows(relay, version, results[relay]))
    content = {"postgresql": version, "rounds": options.rounds, "seconds": options.seconds}
    save(f"sink-pg{version}", {**content, "relay": results}, tables)


if __name__ == "__main__":
    main()
