"""Everything that an example needs around it: `khala dev`, its built page, one server, and an end
that leaves nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from khala_pg import tokens
from khala_pg.child_process import die_with_parent

ROOT = Path(__file__).resolve().parents[1]
KHALA = [sys.executable, "-c", "from khala_pg.cli.main import main; main()"]
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Stage:
    """A running `khala dev`. environment: with it, `khala` commands find this one."""

    home: Path
    database: str
    relay: str
    environment: dict[str, str]

    def khala(self, *words: str) -> None:
        """Run `khala` with these words, silently. Raises CalledProcessError."""
        subprocess.run(
            [*KHALA, *words], env=self.environment, check=True, stdout=subprocess.DEVNULL
        )

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to the database, as the application has it."""
        return psycopg.connect(self.database, autocommit=True)

    def token(self, subject: str, org: str, topics: Sequence[str]) -> str:
        """A token for a subscriber, as your own backend signs it for who is signed in."""
        key = tokens.load(self.home / "keyring.json")
        return tokens.sign(key, subject=subject, org_id=org, scopes=topics)


@contextmanager
def stage() -> Iterator[Stage]:
    """`khala dev` on free ports, in a directory that is gone afterwards. Ctrl-C ends the block."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Not mkdtemp's own mode: as root, PostgreSQL runs as an account that must get in.
    home = Path(tempfile.mkdtemp(prefix="khala-example-"))
    home.chmod(0o755)
    print("starting PostgreSQL and a relay …", flush=True)
    command = [*KHALA, "dev", "--json", "--no-page", f"--data-dir={home}"]
    dev = subprocess.Popen(
        [*command, "--ws-port=0", "--http-port=0"],
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for this process, which ends it last.
        process_group=0,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        assert dev.stdout is not None
        line = dev.stdout.readline()
        if not line:
            raise SystemExit(dev.wait())
        ready = json.loads(line)
        environment = {
            **os.environ,
            "KHALA_DEV_FILE": str(home / "dev.json"),
            "KHALA_SPOOL_DIR": str(home / "spool"),
        }
        with suppress(KeyboardInterrupt):
            yield Stage(home, ready["database"], ready["ws"], environment)
    finally:
        dev.terminate()
        dev.wait()
        shutil.rmtree(home, ignore_errors=True)


def serve(on: Stage, name: str, routes: Sequence[BaseRoute]) -> None:
    """Build the page of an example, and serve it with these routes until Ctrl-C."""
    page = on.home / "page"
    if subprocess.run([ROOT / "scripts/typescript.sh", "example", name, page]).returncode:
        sys.exit("the page cannot be built: see above")
    app = Starlette(routes=[*routes, Mount("/", StaticFiles(directory=page, html=True))])
    with socket.create_server((HOST, 0)) as listening:
        print(f"\n  http://{HOST}:{listening.getsockname()[1]}/\n")
        print("To change something from outside, in another terminal:\n")
        print(f"  export KHALA_DEV_FILE={on.home}/dev.json; .venv/bin/khala psql\n", flush=True)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])
