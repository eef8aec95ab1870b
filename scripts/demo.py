"""`make demo`: Postgres, relay, a real command run through Khala, and its summary changing live.

Everything is real and lives in a directory of its own that is gone afterwards: `khala dev` in the
background, `khala tail` following the topic of run summaries over the WebSocket, and `khala run`
around this repository's own unit tests. At a terminal it stays until Enter: the page can be seen.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
KHALA = [sys.executable, "-c", "from khala_pg.cli.main import main; main()"]
# A few seconds of work that prints as it goes and that every checkout has.
TESTS = ["pytest", "-v", "-p", "no:cacheprovider", "tests/unit/client"]
WATCHED = [sys.executable, "-u", "-m", *TESTS]
PATIENCE_S = 60.0
# The command takes seconds on an idle machine, and was seen to take a minute on a busy one.
LONGEST_RUN_S = 300.0


def main() -> int:
    """Runs the demonstration; 0 when the summary was seen to change until the run ended."""
    # Not mkdtemp's own mode: as root, PostgreSQL runs as an account that must get in.
    home = Path(tempfile.mkdtemp(prefix="khala-demo-"))
    home.chmod(0o755)
    try:
        with khala_dev(home) as ready:
            title(f"Postgres and relay are up: {ready['ws']}")
            show_page(ready["page"])
            status = watch(home)
            if ready["page"] is not None and sys.stdin.isatty() and sys.stdout.isatty():
                title(f"The page shows it: {ready['page']} (Enter ends the demonstration)")
                with suppress(KeyboardInterrupt):
                    sys.stdin.readline()
            return status
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def khala_dev(home: Path) -> Iterator[dict[str, Any]]:
    """`khala dev` in the background, on free ports; yields its ready line."""
    title("khala dev: starting an embedded Postgres, migrating it, starting the relay")
    command = [*KHALA, "dev", "--json", "--data-dir", str(home), "--ws-port=0", "--http-port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dev:
        assert dev.stdout is not None
        line = dev.stdout.readline()
        if not line:
            raise SystemExit(dev.wait() or 1)
        try:
            yield json.loads(line)
        finally:
            dev.terminate()
            dev.wait(PATIENCE_S)


def show_page(page: str | None) -> None:
    """Says where the admin page is, having fetched it and its session."""
    if page is None:
        title("the admin page is not built (make web says why): going on without")
        return
    with urllib.request.urlopen(page, timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
        assert "<title>Khala" in answer.read().decode(), page
    session = page + "api/page/session"
    with urllib.request.urlopen(session, timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
        assert json.load(answer)["organisation"]
    title(f"the admin page, signed in: {page}")


def watch(home: Path) -> int:
    """Follows the topic while a command runs; prints each change of its summary."""
    environment = {**os.environ, "KHALA_DEV_FILE": str(home / "dev.json")}
    tail = subprocess.Popen(
        [*KHALA, "tail", "runtime.run_summaries", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    title("one terminal:      khala tail runtime.run_summaries")
    title("another terminal:  khala run -- " + " ".join(TESTS))
    run = subprocess.Popen(
        [*KHALA, "run", "--title", "unit tests", "--org", "dev", "--", *WATCHED],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # A summary that never comes must not hang the demonstration.
    alarm = threading.Timer(LONGEST_RUN_S, tail.kill)
    alarm.start()
    try:
        assert tail.stdout is not None
        watermarks, status = follow(tail.stdout)
    finally:
        alarm.cancel()
        tail.kill()
        tail.communicate()
        run.wait(PATIENCE_S)
    if status is None:
        print("The run's end was not seen; something is wrong.", file=sys.stderr)
        return 1
    if watermarks != list(range(1, len(watermarks) + 1)):
        print(f"Updates were lost, repeated or out of order: {watermarks}", file=sys.stderr)
        return 1
    title(f"{len(watermarks)} changes came over the WebSocket, each exactly once and in order")
    print("\nNow yours. In one terminal `make dev`, then in others, in this directory:\n")
    print("  .venv/bin/khala tail runtime.run_summaries")
    print("  .venv/bin/khala run -- <any command>\n")
    print("or see it at the page whose address `make dev` says.\n")
    return 0


def follow(lines: IO[str]) -> tuple[list[int], str | None]:
    """Prints a line for each change; returns their watermarks and the run's final status."""
    watermarks = []
    for line in lines:
        update = json.loads(line)
        summary = update.get("payload") or {}
        progress = summary.get("progress") or {}
        watermarks.append(int(update["watermark"]))
        print(
            f"  watermark {update['watermark']:<4} {summary.get('status', ''):10} "
            f"{progress.get('lines', 0):4} lines  {str(progress.get('last_line', ''))[:60]}",
            flush=True,
        )
        if summary.get("finished_at"):
            return watermarks, str(summary.get("status"))
    return watermarks, None


def title(text: str) -> None:
    """A line of the story, set off from what the programs say."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{bold}» {text}{plain}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
