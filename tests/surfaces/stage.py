"""One `khala dev` for every surface, in a directory of its own, and what each surface needs there.

Everything started here has a session of its own: Ctrl-C ends it in order, and nothing is left. It
ends, too, if this process is killed; the directory stays then.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from khala_pg.child_process import die_with_parent
from khala_pg.resources import web_dir
from support.desktop.desktop_surface import virtual_display
from support.programs.dev_process import Dev, khala, running
from surfaces.npm_surface import TYPESCRIPT
from surfaces.site import Tickets, phone_link, site

_GOODBYE_S = 20.0
_PHONE_SCOPES = ["runtime.codex_worker_summaries", "runtime.run_summaries", "runtime.operate"]
DESKTOP_ON = {"OA_DESKTOP_KHALA_SYNC_ENABLED": "true"}


@dataclass(frozen=True)
class Stage:
    """A running `khala dev`. page, phone: addresses of what is built, which sign a browser in once;
    None if it is not built. environment: of commands that find it.
    """

    dev: Dev
    home: Path
    page: str | None
    phone: str | None
    environment: Mapping[str, str]

    @contextmanager
    def service(
        self, command: Sequence[str], **variables: str
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A program beside it, which is ended before it."""
        with subprocess.Popen(
            command,
            env={**self.environment, **variables},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(_GOODBYE_S)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def stage(page: Path | None = None, phone: Path | None = None) -> Iterator[Stage]:
    """A stage, gone afterwards. page, phone: built surfaces; by default those of the checkout."""
    page = page or web_dir()
    phone = phone or _built_phone()
    # Not mkdtemp's own mode: as root, PostgreSQL runs as an account that must get in.
    home = Path(tempfile.mkdtemp(prefix="khala-surfaces-"))
    home.chmod(0o755)
    arguments = ["--ws-port=0", "--http-port=0", *([f"--web-dir={page}"] if page else [])]
    try:
        with running(home, *arguments) as dev:
            environment = _environment(home)
            page_link = None if page is None else _page_link(dev, environment)
            if phone is None:
                yield Stage(dev, home, page_link, None, environment)
                return
            tickets = Tickets(phone_account(dev, environment))
            with site(phone, dev.ready["http"], tickets) as address:
                link = phone_link(address, tickets)
                yield Stage(dev, home, page_link, link, environment)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def phone_account(dev: Dev, environment: Mapping[str, str]) -> dict[str, object]:
    """An account of the mobile application, as it keeps it."""
    organisation = "dev"
    made = subprocess.run(
        khala(
            *("key", "create", "phone", "--org", organisation, "--subject", "phone"),
            *(f"--topic={scope}" for scope in _PHONE_SCOPES),
        ),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {
        "ws": dev.ready["ws"],
        "http": dev.ready["http"],
        "key": made.stdout.strip(),
        "org": organisation,
        "subject": "phone",
        "scopes": _PHONE_SCOPES,
    }


@contextmanager
def display() -> Iterator[tuple[str, dict[str, str]]]:
    """Where a window can be shown, in words, and the variables for it: the user's display, else a
    virtual one. No variables: there is neither."""
    if any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        yield "its window is on your display", {}
    elif shutil.which("Xvfb"):
        with virtual_display() as name:
            yield f"there is no display: its window is on a virtual one, {name}", {"DISPLAY": name}
    else:
        yield "", {}


def _page_link(dev: Dev, environment: Mapping[str, str]) -> str:
    made = subprocess.run(
        khala("page", "--url", dev.ready["http"], "--json"),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return str(json.loads(made.stdout)["url"])


def _built_phone() -> Path | None:
    built = TYPESCRIPT / "mobile" / "dist"
    return built if (built / "index.html").is_file() else None


def _environment(home: Path) -> dict[str, str]:
    """This environment, without anything that leads to another Khala or outlives this one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KHALA_", "OA_")) or name == "KHALA_CHROMIUM"
    }
    return {
        **kept,
        # Node may stand beside Python, and must not hide another one.
        "PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}",
        "KHALA_DEV_FILE": str(home / "dev.json"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
