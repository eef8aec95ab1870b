"""A relay for benches that look at everything together: where it is, tokens for it, its memory."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

import processes
from khala_pg import keyring as keys
from khala_pg.keyring import Keyring
from processes import Child

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Relaying:
    """A relay that serves sockets at `ws` and snapshots at `http`."""

    child: Child
    ws: str
    http: str
    keyring: Keyring = field(repr=False)

    def url(self, org: str, topics: Sequence[str], subject: str) -> str:
        """Where a subscriber connects, with a token for an hour in it."""
        return f"{self.ws}?vsn=2.0.0&token={self.token(org, topics, subject)}"

    def token(self, org: str, topics: Sequence[str], subject: str) -> str:
        return keys.sign_token(self.keyring, org_id=org, scopes=topics, subject=subject)

    def rss_bytes(self) -> int:
        """The memory it has resident."""
        pages = Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def relaying(dsn: str) -> Iterator[Relaying]:
    """A relay with the limits of production that is ready to serve."""
    ring = keys.generate()
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
        file = Path(directory) / "keyring.json"
        keys.save(ring, file)
        with processes.relay(dsn, file, {}, "--http-port=0") as child:
            relay = Relaying(child, child.hello["ws"], child.hello["http"], ring)
            _await_ready(relay)
            yield relay


def _await_ready(relay: Relaying) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        answer = httpx.get(f"{relay.http}/readyz", trust_env=False)
        if answer.status_code == httpx.codes.OK:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the relay is not ready: {answer.text}")
        time.sleep(0.05)  # between looks
