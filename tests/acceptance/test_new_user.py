"""A new user, from nothing to a row that changes in a browser, by the commands of the tutorial.

In an empty directory: a new PostgreSQL 15 with a table, a new environment of Python, the packages
as they are published. The user types at most three commands of Khala's, and ten lines of code.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from khala_pg.child_process import die_with_parent
from khala_pg.postgres import free_ports
from khala_pg.postgres.server import PostgresServer
from support.browser.browser import BrowserMissingError, browser
from support.postgres.servers import SETTINGS, Servers, find_oldest_bin
from support.programs.missing import skip_without
from support.programs.packages import CHECKOUT, PATH, tarball, wheel

TUTORIAL = (CHECKOUT / "docs/tutorial/your-table-live.md").read_text("utf-8")
README = (CHECKOUT / "README.md").read_text("utf-8")
MOST_COMMANDS, MOST_LINES = 3, 10
PATIENCE_S = 300.0
BLOCK = re.compile(r"^```(\w+)( terminal)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Terminal:
    """Shells of one user in one directory."""

    directory: Path
    environment: Mapping[str, str]

    def run(self, commands: str) -> str:
        """Runs commands to their end; the first that fails fails the test."""
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", commands],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, command: str) -> Iterator[None]:
        """A command in a terminal of its own, from what it says when it is ready, until Ctrl-C."""
        with subprocess.Popen(
            ["/bin/bash", "-c", f"exec {command}"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        ) as process:
            try:
                assert process.stdout is not None
                said = []
                for line in process.stdout:
                    said.append(line)
                    if re.match(r"Khala is up|Serving HTTP", line):
                        break
                else:
                    pytest.fail(f"{command}\n{''.join(said)}")
                yield
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def user(servers: Servers, tmp_path: Path) -> Iterator[Terminal]:
    """A user with a new PostgreSQL 15, in whose database app `me` may do what an owner may."""
    pg_bin = find_oldest_bin()
    if pg_bin is None:
        skip_without("PostgreSQL 15 is not installed (apt-get install postgresql-15)")
    home = servers.new_home("new-user")
    with PostgresServer(home, pg_bin=pg_bin, settings=SETTINGS) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("CREATE ROLE me LOGIN CREATEROLE PASSWORD 'pw'")
            admin.execute("CREATE DATABASE app OWNER me")
        own = re.compile("PYTHON|KHALA|VIRTUAL_ENV|PG")
        yield Terminal(
            tmp_path,
            {
                **{name: value for name, value in os.environ.items() if not own.match(name)},
                "PATH": os.pathsep.join([f"{tmp_path}/.venv/bin", str(pg_bin), PATH]),
                "DATABASE_URL": server.dsn("app", "me", "pw"),
                # The lines that say that something is ready come at once.
                "PYTHONUNBUFFERED": "1",
                "npm_config_prefer_offline": "true",
                # Half of the work of pip, for modules that nothing here imports.
                "PIP_NO_COMPILE": "1",
            },
        )
    shutil.rmtree(home)


def without_ports(page: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", page)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_from_nothing_to_a_change_in_the_browser(
    user: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    address, table, install, dev, attach, page, serve, change, undo = (
        text for _, _, text in BLOCK.findall(TUTORIAL)
    )
    typed = "".join((table, install, dev, attach, serve, change))
    assert len(re.findall("^khala ", typed, re.MULTILINE)) <= MOST_COMMANDS
    assert len(page.splitlines()) <= MOST_LINES

    assert re.fullmatch(r"export DATABASE_URL=postgresql://\S+\n", address)
    user.run(table)
    for name, built in (("khala-pg", wheel), ("khala-client", tarball)):
        assert install.count(name) == 1
        install = install.replace(name, str(built(tmp_path_factory)))
    user.run(install)
    khala = user.run("type -p khala").strip()
    assert khala == str(user.directory / ".venv/bin/khala")
    port = free_ports.free_port()
    async with AsyncExitStack() as started:
        relay = started.enter_context(ExitStack())
        relay.enter_context(user.running(dev))
        said = user.run(attach)
        [printed] = re.findall(r"^<!doctype html>\n.*?^</script>\n", said, re.MULTILINE | re.DOTALL)
        assert without_ports(printed) == without_ports(page)
        (user.directory / "index.html").write_text(printed)
        assert " 8000 " in serve
        started.enter_context(user.running(serve.replace(" 8000 ", f" {port} ")))
        try:
            chromium = await started.enter_async_context(browser({**os.environ, "PATH": PATH}))
        except BrowserMissingError as missing:
            skip_without(str(missing))
        await chromium.act("open", url=f"http://127.0.0.1:{port}/")
        await chromium.wait("pre:has-text('paid')")
        assert "UPDATE 1" in user.run(change)
        await chromium.wait("pre:has-text('shipped')")
        # The page misses nothing, as the tutorial says.
        relay.close()
        user.run(change.replace("shipped", "returned").replace("id = 1", "id = 2"))
        relay.enter_context(user.running(dev))
        await chromium.wait("pre:has-text('returned')")
        [text] = await chromium.act("texts", selector="pre")
        assert list(map(json.loads, text.splitlines())) == [
            {"id": 1, "org_id": "acme", "state": "shipped"},
            {"id": 2, "org_id": "acme", "state": "returned"},
        ]
    user.run(undo)
    left = "SELECT count(*) FROM pg_namespace WHERE nspname ~ 'khala|runtime|lightning'"
    assert user.run(f'psql -At "$DATABASE_URL" -c "{left}"').strip() == "0"


def test_the_readme_has_the_same_commands() -> None:
    [short] = re.findall(r"^## Your table, live\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    commands = [text for _, _, text in BLOCK.findall(short)]
    assert commands
    for command in "".join(commands).splitlines():
        assert command.partition("#")[0].rstrip() in TUTORIAL
