"""KHALA-023: no surface needs the legacy backend's address, token, provider or package.

Each check of each surface is made twice: of the surface as it is, and of a copy that needs the
legacy backend in every way, which the check has to find.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from support.browser.browser import browser
from support.desktop.desktop_surface import PATIENCE_S, Surface, require_desktop, virtual_display
from support.postgres.servers import Servers
from support.programs.dev_process import Dev, khala, running
from support.programs.missing import skip_without
from surfaces import sealed
from surfaces.build import PATH
from surfaces.installation import Installation
from surfaces.npm_surface import TYPESCRIPT, NpmSurface
from surfaces.python_surface import Outcome, PythonSurface
from surfaces.site import HEIGHT, WIDTH, Tickets, phone_link, site
from surfaces.stage import phone_account

CHECKS = ("manifests", "locked", "sources", "installed", "started")
# With the first build of everything, on a busy machine.
pytestmark = pytest.mark.timeout(600)
TITLE = "A run to see"
WORKER = "worker-to-see"
RUNS = "runtime.run_summaries"
_MAIN = "from khala_pg.cli.main import main; main()"
_LONGEST_S = 180
# The browser looks up names of its own; those of the page are among what it requests.
_NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
_DRIVEN = "import runpy; runpy.run_module('support.desktop.desktop_driver', run_name='__main__')"


class Checked(Protocol):
    """A surface. Each check returns what it found of the legacy backend."""

    def manifests(self) -> list[str]: ...
    def locked(self) -> list[str]: ...
    def sources(self) -> list[str]: ...
    def installed(self) -> list[str]: ...
    def started(self) -> list[str]: ...
    def planted(self, directory: Path) -> "Checked": ...


def require_sealed() -> None:
    """Skips where there is no network that leads to the relay only.

    CI has what is installed for it. What a kernel refuses, as in many containers, no installation
    mends: there, too, the tests that start a surface are skipped, and no others.
    """
    if missing := sealed.missing():
        skip_without(f"a network that leads to the relay only needs {', '.join(missing)}")
    if refused := sealed.refused():
        pytest.skip(f"the kernel refuses a network that leads to the relay only: {refused}")


@dataclass
class Stage:
    """A `khala dev` with one run, whose directory is `home`, and where surfaces start."""

    dev: Dev
    home: Path
    scratch: Path
    built_page: Path
    built_phone: Path

    @cached_property
    def ports(self) -> list[int]:
        """Of the relay."""
        found = [urlsplit(self.dev.ready[name]).port for name in ("ws", "http")]
        return [port for port in found if port is not None]

    def around(self, *more: int) -> Callable[[Sequence[str]], Sequence[str]]:
        """Makes a command one that reaches the relay, these ports, and nothing else."""
        require_sealed()
        return partial(sealed.sealed, self.record, sorted({*self.ports, *more}))

    @property
    def record(self) -> Path:
        return self.scratch / "tried.json"

    def tail(self, installation: Installation, before: str) -> Outcome:
        """`khala tail` until it has printed the run."""
        program = f"{before}\n{_MAIN}"
        with subprocess.Popen(
            self.around()(installation.runs(program, "tail", RUNS, "--json")),
            env={},
            cwd=self.home,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["payload"]["title"] == TITLE
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)
        return Outcome(installation.watched(), sealed.tried(self.record))

    def desktop(self, installation: Installation, before: str) -> Outcome:
        """`khala desktop` until its window shows the run."""
        require_desktop()
        user = self.scratch / "user"
        user.mkdir(exist_ok=True)
        with (
            virtual_display() as display,
            subprocess.Popen(
                self.around()(installation.runs(f"{before}\n{_DRIVEN}")),
                env={
                    "DISPLAY": display,
                    "HOME": str(user),
                    "OA_DESKTOP_KHALA_SYNC_ENABLED": "true",
                    # Where the driver is.
                    "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
                },
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            shown = Surface(process)
            shown.shows("the run", connection="Live", rows=1)
            assert shown.stop() == 0
        return Outcome(installation.watched(), sealed.tried(self.record))

    def page(self, built: Path) -> list[str]:
        """The page until it shows the run. A copy of it has an address of its own."""
        if built == self.built_page:
            return asyncio.run(self._visit(f"{self.dev.ready['page']}#/runs", TITLE))
        with site(built, self.dev.ready["http"]) as address:
            return asyncio.run(self._visit(f"{address}/#/runs", TITLE))

    def phone(self, built: Path) -> list[str]:
        """The mobile application until it shows the worker."""
        tickets = Tickets(phone_account(self.dev, settings(self.home)))
        with site(built, self.dev.ready["http"], tickets) as address:
            return asyncio.run(self._visit(phone_link(address, tickets), WORKER))

    async def _visit(self, address: str, text: str) -> list[str]:
        """Each destination that was tried beside the relay until the text came into view, and the
        code of the legacy lane, should it be loaded."""
        port = urlsplit(address).port
        assert port is not None
        async with browser({"PATH": PATH}, _NO_NAMES, around=self.around(port)) as chromium:
            await chromium.act("open", url=address, width=WIDTH, height=HEIGHT)
            await chromium.wait(f"text={text}", _LONGEST_S)
            requested = await chromium.act("requested")
        own = {*self.ports, port}
        foreign = [
            url
            for url in requested
            if urlsplit(url).hostname != "127.0.0.1"
            or urlsplit(url).port not in own
            or urlsplit(url).path.rpartition("/")[2].startswith("legacy")
        ]
        return [*foreign, *sealed.tried(self.record)]


@pytest.fixture(scope="module")
def stage(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, built_page: Path, built_phone: Path
) -> Iterator[Stage]:
    scratch = tmp_path_factory.mktemp("surfaces")
    home = servers.new_home("surfaces")
    with running(home / ".khala", "--ws-port=0", "--http-port=0", f"--web-dir={built_page}") as dev:
        worker = {"entity": "codex_worker", "id": WORKER, "seq": 1, "type": "worker.started"}
        (home / "events.jsonl").write_text(json.dumps(worker) + "\n")
        command = khala("run", "--title", TITLE, "--", *khala("ingest", "events.jsonl"))
        subprocess.run(command, cwd=home, check=True, env=settings(home))
        yield Stage(dev, home, scratch, built_page, built_phone)


def settings(home: Path) -> dict[str, str]:
    """This environment, with nothing about Khala but where it is."""
    own = {
        name: each for name, each in os.environ.items() if not name.startswith(("KHALA_", "OA_"))
    }
    return {**own, "KHALA_DEV_FILE": str(home / ".khala" / "dev.json")}


def make_web(stage: Stage) -> Checked:
    return NpmSurface("web", TYPESCRIPT / "web", stage.built_page, stage.page)


def make_mobile(stage: Stage) -> Checked:
    return NpmSurface("mobile", TYPESCRIPT / "mobile", stage.built_phone, stage.phone)


def make_desktop(stage: Stage) -> Checked:
    return PythonSurface("desktop", ["desktop"], stage.scratch / "desktop", stage.desktop)


def make_terminal(stage: Stage) -> Checked:
    return PythonSurface("terminal", [], stage.scratch / "terminal", stage.tail)


SURFACES: dict[str, Callable[[Stage], Checked]] = {
    "web": make_web,
    "mobile": make_mobile,
    "desktop": make_desktop,
    "terminal": make_terminal,
}


@pytest.fixture(scope="module", params=SURFACES)
def surface(request: pytest.FixtureRequest, stage: Stage) -> Checked:
    return SURFACES[request.param](stage)


@pytest.fixture(scope="module")
def planted(surface: Checked, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return surface.planted(tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("check", CHECKS)
def test_a_surface_needs_no_legacy_backend(surface: Checked, check: str) -> None:
    assert getattr(surface, check)() == []


@pytest.mark.parametrize("check", CHECKS)
def test_what_needs_it_is_found(planted: Checked, check: str) -> None:
    assert getattr(planted, check)() != []


def test_the_network_refuses_what_is_not_named(tmp_path: Path) -> None:
    require_sealed()
    program = (
        "import socket\n"
        "for place in (('192.0.2.1', 443), ('127.0.0.1', 9), ('2001:db8::1', 80)):\n"
        "    try: socket.create_connection(place, 20); print('reached')\n"
        "    except OSError: pass\n"
        "try: socket.gethostbyname('legacy.example'); print('resolved')\n"
        "except OSError: pass\n"
    )
    command = sealed.sealed(tmp_path / "tried", [7], [sys.executable, "-c", program])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    found = sealed.tried(tmp_path / "tried")
    assert {"tcp 192.0.2.1 port 443", "tcp 127.0.0.1 port 9", "tcp 2001:db8::1 port 80"} <= set(
        found
    )
    assert any(each.startswith("udp") and each.endswith("port 53") for each in found)
