"""The admin page with 20,000 documents in Chromium, beside the same page with none.

    python -m bench.page.speed [--documents 20000] [--rounds 5] [--seconds 5] [--quick]

- First visit: from the start of the navigation to rows on the screen, and to all documents; the
  scripts that it loads, compressed. Again: the page is loaded once more and begins with IndexedDB.
- 200 updates a second, each a transaction of its own: the longest turn of the page's main thread.
  The peer has as many updates, of an organisation that the page does not see.

Both are `khala dev` with the built page. Needs Node, npm and Chromium (KHALA_CHROMIUM names it).
"""

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child, khala
from bench.support.results import Shown, ratio_text, ratios, save, show, spread

_ROOT = Path(__file__).resolve().parents[2]
_WEB = _ROOT / "typescript" / "web"
_BROWSER = Path(__file__).with_name("browser.mjs")
_RATE = 200
_BATCH = 1000
_TARGETS = {"first": "1,500", "again": "500"}
_LONG_MS = 50
_SCRIPT_KB = 120

Figures = dict[str, dict[str, list[float]]]


@contextmanager
def dev(pg_bin: str | None, web_dir: Path) -> Iterator[dict[str, Any]]:
    """`khala dev` with the built page; its ready line."""
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        # The account that Postgres runs as when started by root has to get through.
        Path(directory).chmod(0o755)
        options = [f"--data-dir={directory}/dev", f"--web-dir={web_dir}"]
        options += [] if pg_bin is None else [f"--pg-bin={pg_bin}"]
        with Child(khala("dev", "--json", "--ws-port=0", "--http-port=0", *options)) as child:
            yield child.hello


def fill(dsn: str, documents: int) -> None:
    """Summaries of runs as the projection makes them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for first in range(0, documents, _BATCH):
            batch = [document(n) for n in range(first, min(first + _BATCH, documents))]
            connection.execute(
                "SELECT count(*) FROM khala.sink_batch('runtime.run_summaries', %s::jsonb)",
                [json.dumps(batch)],
            )
        connection.execute("VACUUM (ANALYZE)")


def document(number: int) -> dict[str, Any]:
    run = f"dev-{number:05d}"
    day, minute = divmod(number, 1440)
    started = f"2026-01-{day + 1:02d}T{minute // 60:02d}:{minute % 60:02d}:00.000000Z"
    status = ("succeeded", "failed", "running", "cancelled")[number % 4]
    payload = {
        "document_id": f"runtime/run_summary:{run}",
        "kind": "run_summary",
        "run_id": run,
        "owner": "dev",
        "status": status,
        "terminal_reason": None,
        "title": f"Build and test everything, number {number}",
        "command": ["python3", "-m", "pytest", "tests"],
        "progress": {"lines": number, "bytes": number * 60, "last_line": f"line {number}"},
        "exit_code": None,
        "started_at": started,
        "latest_seq": number + 1,
        "event_count": number + 1,
        "latest_event_type": "run.progress",
        "latest_event_at": started,
        "runtime_source": {"entity": "run", "id": run, "seq": number + 1},
        "projection_version": 2,
    }
    return {
        "doc_key": f"runtime/run_summary:{run}",
        "doc_version": number + 1,
        "payload": payload,
        "org_id": "dev",
    }


def measure(options: argparse.Namespace) -> tuple[Figures, str]:
    """Figures of each visit and round, by who was visited, and Chromium's version."""
    found: Figures = defaultdict(lambda: defaultdict(list))
    with ExitStack() as running:
        web_dir = Path(options.web_dir or _WEB / "dist")
        servers = {
            name: running.enter_context(dev(options.pg_bin, web_dir)) for name in ("full", "empty")
        }
        fill(servers["full"]["database"], options.documents)
        browser = running.enter_context(Child(["node", str(_BROWSER)]))
        for turn in range(options.rounds + 1):
            for name, server in servers.items():
                is_full = name == "full"
                figures = browser.ask(
                    page=server["page"],
                    database=server["database"],
                    documents=options.documents if is_full else 0,
                    org="dev" if is_full else "elsewhere",
                    rate=_RATE,
                    seconds=options.seconds,
                    **({"profile": options.profile} if options.profile and is_full else {}),
                )
                for step, values in figures.items() if turn else ():
                    for what, value in values.items():
                        found[f"{step}, {name}"][what].append(value)
        return found, str(browser.hello["version"])


def show_paint(options: argparse.Namespace, found: Figures) -> Shown:
    rows = []
    for step, target in _TARGETS.items():
        for name in ("empty", "full"):
            each, peer = found[f"{step}, {name}"], found[f"{step}, empty"]
            is_full = name == "full"
            rows.append(
                [
                    f"{step}, {options.documents:,}" if is_full else f"{step}, none",
                    *(f"{spread(each['rows_ms'])[what]:,.0f}" for what in ("median", "min", "max")),
                    ratio_text(ratios(each["rows_ms"], peer["rows_ms"])) if is_full else "",
                    target if is_full else "",
                    f"{spread(each['all_ms'])['median']:,.0f}",
                    f"{spread(each['longest_ms'])['median']:,.0f}",
                ]
            )
    return show(
        "Admin page, ms from the start of the navigation",
        ["visit, documents", "rows", "min", "max", "of none", "target", "all", "longest task"],
        rows,
    )


def show_updates(options: argparse.Namespace, found: Figures) -> Shown:
    rows = []
    for name in ("empty", "full"):
        each, peer = found[f"updates, {name}"], found["updates, empty"]
        is_full = name == "full"
        rows.append(
            [
                f"seen, {options.documents:,}" if is_full else "unseen, none",
                *(f"{spread(each['longest_ms'])[what]:.1f}" for what in ("median", "min", "max")),
                ratio_text(ratios(each["longest_ms"], peer["longest_ms"])) if is_full else "",
                f"{_LONG_MS}" if is_full else "",
                f"{spread(each['longest_cpu_ms'])['median']:.1f}",
                f"{spread(each['busy_ms'])['median'] / options.seconds / 10:.1f}",
                f"{spread(each['fps'])['median']:.0f}",
                f"{spread(each['written_per_s'])['median']:.0f}",
            ]
        )
    return show(
        f"Longest task of the page, ms, while {_RATE} updates a second arrive",
        [
            *("updates, documents", "longest", "min", "max", "of none", "target"),
            *("processor ms", "main thread busy, %", "frames/s", "written/s"),
        ],
        rows,
    )


def show_script(found: Figures) -> Shown:
    size = max(found["first, full"]["script_bytes"])
    return show(
        "JavaScript of the first view, compressed",
        ["", "kB", "target"],
        [["scripts until rows are there", f"{size / 1000:.1f}", str(_SCRIPT_KB)]],
    )


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=5, help="of updates")
    parser.add_argument("--web-dir", help="another built page, to compare")
    parser.add_argument("--profile", help="write PATH-STEP.cpuprofile of the full page")
    options = parse_options(parser, rounds=1, documents=2_000, seconds=1)
    if not (_WEB / "node_modules" / "@playwright").exists():
        subprocess.run(["npm", "ci", "--loglevel=error"], cwd=_WEB, check=True)
    subprocess.run([_ROOT / "scripts" / "typescript.sh", "web"], check=True)
    found, chromium = measure(options)
    tables = [show_paint(options, found), show_updates(options, found), show_script(found)]
    content = {"chromium": chromium, "documents": options.documents, "figures": found}
    save("page-speed", content, tables)


if __name__ == "__main__":
    main()
