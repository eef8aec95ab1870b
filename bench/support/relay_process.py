"""A relay of a bench: where it is, tokens for it, its memory."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.support import processes
from bench.support.processes import Child
from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.keys import Keyring

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Relaying:
    """A relay that serves; its addresses are in what `child` said first."""

    child: Child
    keyring: Keyring = field(repr=False)

    @property
    def ws(self) -> str:
        """Where it serves sockets."""
        return str(self.child.hello["ws"])

    @property
    def http(self) -> str:
        """Where it serves snapshots, if it was started to do so."""
        return str(self.child.hello["http"])

    def url(self, org: str, topics: Sequence[str], subject: str = "bench") -> str:
        """Where a subscriber connects, with a token for an hour in it."""
        return f"{self.ws}?vsn=2.0.0&token={self.token(org, topics, subject)}"

    def token(self, org: str, topics: Sequence[str], subject: str) -> str:
        return keys.sign_token(self.keyring, org_id=org, scopes=topics, subject=subject)

    def rss_bytes(self) -> int:
        """The memory it has resident."""
        pages = Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def relaying(dsn: str, *arguments: str, **limits: float) -> Iterator[Relaying]:
    """A relay that is ready to serve, with the limits of production but for these."""
    ring = keys.generate()
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        file = Path(directory) / "keyring.json"
        keyring_file.save(ring, file)
        with processes.relay(dsn, file, limits, *arguments) as child:
            relay = Relaying(child, ring)
            _await_ready(relay)
            yield relay


def _await_ready(relay: Relaying) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    url = f"http://{urlsplit(relay.ws).netloc}/readyz"
    while True:
        answer = httpx.get(url, timeout=20, trust_env=False)
        if answer.status_code == httpx.codes.OK:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the relay is not ready: {answer.text}")
        time.sleep(0.05)  # between looks
