"""The Lightning control plane: settlements, the list of paywalls, the compiler.

    python -m bench.sql.lightning [--rounds 5] [--seconds 1] [--quick]

A settlement is a call of `lightning.ingest_settlement` for an open invoice: two rows and two
documents with their journal. Its peer is a transaction of three plain INSERTs of the same values.
The list of 1,000 paywalls of five routes is beside json_agg of the same rows, by the backend's
processor time. The compiler is compared with itself: for twice the paywalls it should take little
more than twice as long.
"""

import time
from typing import Any

import psycopg

from bench.sql.canonical import cpu_ms
from bench.support.databases import migrated_server
from bench.support.load import run_pgbench, scripts
from bench.support.options import bench_parser, parse_options
from bench.support.results import ratio_text, ratios, save, show, spread
from khala_pg.lightning.compiler import compile_paywalls
from khala_pg.lightning.records import read_record
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall

_CLIENTS = (1, 8)
_PAYWALLS = 1_000
_ROUTES = 5
_INVOICES = 15_000

_PREPARE = """
CREATE SEQUENCE bench_number;
GRANT USAGE ON SEQUENCE bench_number TO public;
CREATE TABLE plain_invoices (invoice_id text PRIMARY KEY, paywall_id text NOT NULL,
    amount bigint NOT NULL, status text NOT NULL, settled_at_ms bigint);
CREATE TABLE plain_settlements (settlement_id text PRIMARY KEY, invoice_id text NOT NULL,
    amount bigint NOT NULL, payment_hash text NOT NULL UNIQUE, metadata jsonb);
CREATE TABLE plain_journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    doc_key text NOT NULL, payload jsonb NOT NULL);
"""
_PAYWALL = """
SELECT lightning.create_paywall('owner ' || n %% 10, jsonb_build_object(
    'paywallId', 'pw' || n, 'name', 'Paywall ' || n, 'policy', '{"fixedAmountMsats": 1000}'::jsonb,
    'routes', (SELECT jsonb_agg(jsonb_build_object(
        'hostPattern', 'api.example.com', 'pathPattern', '/p' || n || '/' || r || '/*',
        'upstreamUrl', 'https://upstream.example.com', 'protocol', 'https', 'priority', r))
        FROM generate_series(1, %s) AS r)))
FROM generate_series(1, %s) AS n
"""
_INVOICE = """
INSERT INTO lightning.invoices (invoice_id, paywall_id, owner_id, amount_msats, status,
    payment_hash, created_at_ms, updated_at_ms)
SELECT 'i' || n, 'pw1', 'owner 1', 1000, 'open',
    encode(sha256(decode(lpad(n::text, 64, '0'), 'hex')), 'hex'), 1, 1
FROM generate_series(%s::bigint, %s) AS n
ON CONFLICT DO NOTHING
"""
_DRAW = "SELECT nextval('bench_number') AS n \\gset\n"
_SETTLE = (
    _DRAW
    + """SELECT lightning.ingest_settlement(jsonb_build_object('settlementId', 's' || :n,
 'paywallId', 'pw1', 'ownerId', 'owner 1', 'invoiceId', 'i' || :n, 'amountMsats', 1000,
 'paymentProofType', 'lightning_preimage', 'paymentProofValue', lpad(:n::text, 64, '0'),
 'metadata', '{"task": "t"}'::jsonb));"""
)
_PLAIN = (
    _DRAW
    + """BEGIN;
INSERT INTO plain_invoices VALUES ('i' || :n, 'pw1', 1000, 'settled', 1);
INSERT INTO plain_settlements
 VALUES ('s' || :n, 'i' || :n, 1000, md5(:n::text), '{"task": "t"}');
INSERT INTO plain_journal (doc_key, payload) VALUES ('s' || :n, jsonb_build_object(
 'settlementId', 's' || :n, 'invoiceId', 'i' || :n, 'amountMsats', 1000));
COMMIT;"""
)
_LIST = "SELECT lightning.list_paywall_control_plane_state('{}')"
_LIST_PLAIN = """
SELECT json_agg(json_build_object('paywall', w, 'policy', o, 'routes',
    (SELECT json_agg(t) FROM lightning.routes AS t WHERE t.paywall_id = w.paywall_id)))
FROM lightning.paywalls AS w INNER JOIN lightning.policies AS o USING (paywall_id)
"""


def settlements(
    server: Any, connection: psycopg.Connection[Any], rounds: int, seconds: int
) -> list[dict[str, Any]]:
    """Settlements and their peer in turns, by number of clients."""
    rows = []
    with scripts({"settle": _SETTLE, "plain": _PLAIN}) as files:
        for clients in _CLIENTS:
            found: dict[str, list[float]] = {"settle": [], "plain": []}
            cost: dict[str, list[float]] = {"settle": [], "plain": []}
            for turn in range(rounds + 1):
                for name, script in files.items():
                    [last] = connection.execute(
                        "SELECT last_value FROM bench_number"
                    ).fetchone() or (0,)
                    if name == "settle":
                        connection.execute(_INVOICE, [last, last + _INVOICES])
                        connection.execute("ANALYZE lightning.invoices")
                    load = run_pgbench(server, script, clients, seconds, {})
                    if name == "settle":
                        connection.execute("DELETE FROM lightning.invoices WHERE status = 'open'")
                    if turn:
                        found[name].append(load.per_second)
                        cost[name].append(load.cpu_us)
            rows.append(
                {
                    "clients": clients,
                    "per_second": {name: spread(values) for name, values in found.items()},
                    "cpu_us": {name: spread(values) for name, values in cost.items()},
                    "of": ratios(found["settle"], found["plain"]),
                }
            )
    return rows


def lists(connection: psycopg.Connection[Any], rounds: int) -> dict[str, Any]:
    """Processor time of the list and of json_agg, in turns."""
    found: dict[str, list[float]] = {_LIST: [], _LIST_PLAIN: []}
    for turn in range(rounds + 1):
        for query, values in found.items():
            cost = cpu_ms(connection, query)
            if turn:
                values.append(cost)
    mine, plain = found.values()
    return {"ms": spread(mine), "plain_ms": spread(plain), "of": ratios(mine, plain)}


def compiler(rounds: int) -> list[dict[str, Any]]:
    """Processor time of compiling half, all and twice as many paywalls."""
    sizes = (_PAYWALLS // 2, _PAYWALLS, _PAYWALLS * 2)
    paywalls = [_paywall(number) for number in range(sizes[-1])]
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for turn in range(rounds + 1):
        for size in sizes:
            began = time.process_time()
            compiled = compile_paywalls(paywalls[:size])
            cost = time.process_time() - began
            assert compiled.deployable
            assert len(compiled.rules) == size * _ROUTES
            if turn:
                found[size].append(cost)
    return [{"paywalls": size, "seconds": spread(values)} for size, values in found.items()]


def _paywall(number: int) -> Paywall:
    shared = {"upstreamUrl": "https://upstream.example.com", "protocol": "https"}
    routes = [
        {"hostPattern": "api.example.com", "pathPattern": f"/p{number}/*"},
        {"hostPattern": "api.example.com", "pathPattern": rf"/q{number}/\d+"},
        {"hostPattern": "*.example.com", "pathPattern": f"/r{number}"},
        {"hostPattern": f"h{number}.example.com", "pathPattern": "/*"},
        {"hostPattern": f"h{number}.example.com", "pathPattern": r"/v\d+/[^/]+\.json"},
    ]
    return read_record(
        Paywall,
        {
            "paywallId": f"pw{number}",
            "status": "active",
            "policy": {"pricingMode": "fixed", "fixedAmountMsats": 1000},
            "routes": [
                {"routeId": f"pw{number}/{n}", "priority": 10, **shared, **route}
                for n, route in enumerate(routes)
            ],
        },
    )


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=int, default=1, help="of each run (%(default)s)")
    options = parse_options(parser, rounds=1)
    with (
        migrated_server(options.pg_bin) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
    ):
        connection.execute(_PREPARE)
        connection.execute(_PAYWALL, [_ROUTES, _PAYWALLS])
        connection.execute("ANALYZE lightning.paywalls, lightning.policies, lightning.routes")
        listed = lists(connection, options.rounds)
        settled = settlements(server, connection, options.rounds, options.seconds)
        version = server.major
    compiled = compiler(options.rounds)
    tables = [
        show(
            f"Settlements with invoice, documents and journal, PostgreSQL {version}",
            ["clients", "a second", "three INSERTs", "of them", "backend µs", "of INSERTs, µs"],
            [
                [
                    str(row["clients"]),
                    f"{row['per_second']['settle']['median']:,.0f}",
                    f"{row['per_second']['plain']['median']:,.0f}",
                    ratio_text(row["of"]),
                    f"{row['cpu_us']['settle']['median']:.0f}",
                    f"{row['cpu_us']['plain']['median']:.0f}",
                ]
                for row in settled
            ],
        ),
        show(
            f"List of {_PAYWALLS:,} paywalls of {_ROUTES} routes: processor milliseconds",
            ["", "list", "json_agg", "ratio"],
            [
                [
                    "paywalls",
                    f"{listed['ms']['median']:.1f}",
                    f"{listed['plain_ms']['median']:.1f}",
                    ratio_text(listed["of"]),
                ]
            ],
        ),
        show(
            f"Compiler, {_ROUTES} routes a paywall: processor seconds",
            ["paywalls", "seconds"],
            [[f"{row['paywalls']:,}", f"{row['seconds']['median']:.2f}"] for row in compiled],
        ),
    ]
    save(
        f"lightning-pg{version}",
        {"postgresql": version, "settlements": settled, "list": listed, "compiler": compiled},
        tables,
    )


if __name__ == "__main__":
    main()
