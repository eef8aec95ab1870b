"""The examples that start everything by one command: something is changed, and seen."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from support.browser.browser import Browser, BrowserMissingError, browser
from support.postgres.servers import Servers
from support.programs.missing import skip_without
from support.programs.sessions import of_session
from support.programs.terminals import terminal

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("orders", "chat", "dashboard")


def command(name: str) -> list[str]:
    """What the Makefile runs, with the Python of this test."""
    words = ["make", "--no-print-directory", "--dry-run", "-C", str(ROOT / "examples" / name)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    last = said.splitlines()[-1]
    assert last == f"cd {ROOT} && exec .venv/bin/python -m examples.{name}.start"
    return [sys.executable, "-m", f"examples.{name}.start"]


@dataclass
class Example:
    """A started example, and the directory that its own is in."""

    url: str
    scratch: Path

    def change(self, statement: str) -> None:
        """What somebody does who has the database only."""
        [state] = self.scratch.glob("khala-example-*/dev.json")
        dsn = json.loads(state.read_text())["database"]
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute(statement.encode())


@contextmanager
def started(name: str, servers: Servers) -> Iterator[Example]:
    """An example with a page; it ends by Ctrl-C, and nothing of it is left."""
    scratch = servers.new_home(name)
    with subprocess.Popen(
        command(name),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if found := re.fullmatch(r"\s*(http://\S+)\s*", line):
                    break
            else:
                pytest.fail(f"it ended with status {process.wait()}: {said}")
            yield Example(found[1], scratch)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
    assert list(scratch.glob("khala-example-*")) == []
    assert not of_session(process.pid), "everything that it started has ended"


@asynccontextmanager
async def chromium(environment: Mapping[str, str] = os.environ) -> AsyncIterator[Browser]:
    try:
        async with browser(environment, "--no-sandbox") as opened:
            yield opened
    except BrowserMissingError as missing:
        skip_without(str(missing))


@pytest.mark.slow
async def test_orders(servers: Servers) -> None:
    async with chromium() as page:
        with started("orders", servers) as example:
            await page.act("open", page="ann", url=f"{example.url}?as=1")
            await page.act("open", page="staff", url=f"{example.url}?as=staff")
            for who, others in (("ann", 0), ("staff", 2)):
                await page.act("wait", page=who, selector="[data-order='3'] .open", ms=60_000)
                of_others = "[data-order='2'], [data-order='4']"
                assert await page.act("count", page=who, selector=of_others) == others
            # A change in psql.
            example.change("UPDATE public.orders SET state = 'shipped' WHERE id = 3")
            for who in ("ann", "staff"):
                await page.act("wait", page=who, selector="[data-order='3'] .shipped", ms=60_000)
            # A change by the shop's own backend.
            await page.act("click", page="ann", selector="text=Order a lamp")
            await page.act("click", page="staff", selector="[data-order='5'] button")
            await page.act("wait", page="ann", selector="[data-order='5'] .shipped", ms=60_000)
            names = await page.act("texts", page="staff", selector="td:nth-child(2)")
            assert sorted(names) == ["Ann", "Ann", "Ann", "Bo", "Chidi"]


@pytest.mark.slow
async def test_chat(servers: Servers) -> None:
    async with chromium() as page:
        with started("chat", servers) as example:
            await page.act("open", url=example.url)
            await page.act("fill", selector="input", text="Which columns has an attached table?")
            await page.act("click", selector="text=Send")
            await page.wait("article .running")
            await page.wait("article .succeeded")
            await page.wait("article:has-text('.md)')")
            example.change(
                "SELECT khala.sink('chat.messages', 'message/9', NULL,"
                ' \'{"author": "bo", "text": "from psql", "run_id": "-"}\', \'team\')'
            )
            await page.wait("article:has-text('from psql')")
            # One is at work when the example ends.
            await page.act("fill", selector="input", text="Which roles are there?")
            await page.act("click", selector="text=Send")
            await page.wait("article .running")


@pytest.mark.slow
async def test_dashboard(servers: Servers) -> None:
    scratch = servers.new_home("dashboard")
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    with terminal(command("dashboard"), environment) as screen:
        await asyncio.to_thread(screen.read_until, b"order 4: lamp, open", 120)
        example = Example("", scratch)
        example.change("UPDATE public.orders SET state = 'shipped' WHERE id = 2")
        await asyncio.to_thread(screen.read_until, b"order 2: candle, shipped", 120)
        screen.type(b"\x03")
        assert await asyncio.to_thread(screen.process.wait, 60) == 0
    assert list(scratch.glob("khala-example-*")) == []
    assert not of_session(screen.process.pid)


def test_the_readme_lists_each() -> None:
    text = (ROOT / "examples/README.md").read_text("utf-8")
    for name in (file.parent.name for file in ROOT.glob("examples/*/Makefile")):
        assert f"make -C examples/{name}" in text
        assert name in NAMES
