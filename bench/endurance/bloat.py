"""Size of the hot tables while a million documents are sunk, one per transaction.

    python -m bench.endurance.bloat [--sinks 1000000] [--clients 4] [--pg-bin DIR]

Each sink updates the topic's row in runtime.sync_topic_sequences. The table shows, as the writes
go on, the size of that table and of the read model with 1,000 documents, the share of HOT updates,
and dead rows. A row that is looked up through ever longer chains shows in the last column: pages
touched by one look-up of the topic's row.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.results import save, show

_SCRIPT = """\
\\set key random(1, 1000)
SELECT * FROM khala.sink(
    'runtime.run_summaries', 'run/' || :key,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    jsonb_build_object('status', 'running', 'line', repeat('x', 200), 'at', now()::text));
"""
_STATE = """
    SELECT pg_relation_size(c.oid) / 8192,
        s.n_tup_upd, s.n_tup_hot_upd, s.n_dead_tup, s.autovacuum_count
    FROM pg_class AS c INNER JOIN pg_stat_all_tables AS s ON s.relid = c.oid
    WHERE c.oid = %s::regclass
"""
_LOOK_UP = """
    EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
    SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = 'runtime.run_summaries'
"""


def observe(connection: psycopg.Connection[Any], sinks: int) -> dict[str, Any]:
    """Size, HOT share and dead rows of the hot tables after so many sinks."""
    seen: dict[str, Any] = {"sinks": sinks}
    for name in ("sync_topic_sequences", "sync_documents"):
        row = connection.execute(_STATE, (f"runtime.{name}",)).fetchone()
        assert row is not None
        pages, updates, hot, dead, vacuums = row
        seen[name] = {
            "pages": pages,
            "hot_share": hot / updates if updates else 1.0,
            "dead_rows": dead,
            "autovacuums": vacuums,
        }
    connection.execute("SET enable_seqscan = off")
    row = connection.execute(_LOOK_UP).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    seen["pages_per_look_up"] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return seen


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--sinks", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=4)
    options = parse_options(parser, sinks=2_000)
    steps = 10
    with migrated_server(options.pg_bin) as server, tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "sink.sql"
        script.write_text(_SCRIPT, encoding="utf-8")
        seen = []
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            version = connection.info.server_version
            seen.append(observe(connection, 0))
            for step in range(1, steps + 1):
                subprocess.run(
                    [
                        *(server.installation.program("pgbench"), "--no-vacuum"),
                        *("--protocol=prepared", f"--client={options.clients}", "--jobs=2"),
                        f"--transactions={options.sinks // steps // options.clients}",
                        *(f"--file={script}", server.dsn()),
                    ],
                    check=True,
                    capture_output=True,
                )
                seen.append(observe(connection, options.sinks // steps * step))
                print(f"{seen[-1]['sinks']:,} sinks", flush=True)
    table = show(
        f"Bloat of the hot tables, PostgreSQL {version // 10000}, {options.clients} clients",
        ["sinks", "sequence pages", "HOT", "dead", "read model pages", "HOT", "dead", "look-up"],
        [
            [
                f"{each['sinks']:,}",
                *(
                    text
                    for name in ("sync_topic_sequences", "sync_documents")
                    for text in (
                        str(each[name]["pages"]),
                        f"{each[name]['hot_share']:.1%}",
                        str(each[name]["dead_rows"]),
                    )
                ),
                str(each["pages_per_look_up"]),
            ]
            for each in seen
        ],
    )
    save("bloat", {"server_version": version, "steps": seen}, [table])


if __name__ == "__main__":
    main()
