"""A real relay for tests of clients: in the test's event loop, or as a process to kill."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.keys import Keyring
from khala_pg.client import Backoff, Endpoint, KhalaClient
from khala_pg.relay.server import Addresses, Relay
from khala_pg.relay.settings import RelaySettings
from support.postgres.databases import Database

RUNS = "runtime.run_summaries"
NOTES = "runtime.notifications"
TOPICS = (RUNS, "runtime.codex_worker_summaries", NOTES)
ORG = "org-a"
SOON = Backoff(base=0.02, cap=0.2)
"""Back-off of clients in tests, so that they do not wait longer than they must."""

_CHILD = """
import asyncio, json, sys
from pathlib import Path
from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.relay.server import Relay
from khala_pg.relay.settings import RelaySettings

async def main():
    settings = RelaySettings(**json.loads(sys.argv[1]))
    relay = Relay(settings, keyring_file.load(Path(sys.argv[2])))
    await relay.run(asyncio.Event(), lambda at: print(json.dumps([at.ws, at.http]), flush=True))

asyncio.run(main())
"""


@dataclass(frozen=True)
class RelayUnderTest:
    """Where a relay answers, and tokens that it accepts."""

    ws: str
    http: str
    keyring: Keyring = field(repr=False)

    def token(
        self,
        *,
        org: str = ORG,
        scopes: Sequence[str] = TOPICS,
        ttl_s: float = 3600,
        subject: str = "tester",
    ) -> str:
        return keys.sign_token(
            self.keyring, org_id=org, scopes=scopes, ttl_s=ttl_s, subject=subject
        )

    def endpoint(self, **claims: Any) -> Endpoint:
        return Endpoint(self.ws, self.token(**claims))


def sink(
    database: Database,
    doc_key: str,
    version: int,
    payload: dict[str, Any] | None,
    *,
    topic: str = RUNS,
    org: str | None = ORG,
) -> int | None:
    """Write a version of a document, None deletes it; its watermark."""
    with database.connect("runtime") as connection:
        if payload is None:
            query = "SELECT watermark FROM khala.sink_delete(%s, %s, %s, %s)"
            row = connection.execute(query, (topic, doc_key, version, org)).fetchone()
        else:
            query = "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb, %s)"
            row = connection.execute(
                query, (topic, doc_key, version, json.dumps(payload), org)
            ).fetchone()
    assert row is not None
    return row[0] if row[0] is None else int(row[0])


def contents(client: KhalaClient, topic: str = RUNS) -> dict[str, Any]:
    return {key: document.payload for key, document in client.documents(topic).items()}


async def heartbeats(relay: RelayUnderTest, count: int) -> None:
    """Waits until a socket of its own has been pushed so many heartbeats."""
    async with connect(f"{relay.ws}?vsn=2.0.0&token={relay.token()}") as socket:
        await socket.send('["1","1","sync:v1","phx_join",{}]')
        while count:
            count -= json.loads(await socket.recv())[3] == "sync:heartbeat"


def quick(database: str, **changes: Any) -> RelaySettings:
    """Settings with short intervals."""
    settings = RelaySettings(
        database=database,
        ws_port=0,
        http_port=0,
        heartbeat_interval_s=1.0,
        slow_poll_interval_s=0.5,
        max_retry_after_ms=200,
        max_backoff_s=0.2,
    )
    return replace(settings, **changes)


@asynccontextmanager
async def running_relay(
    database: str, keyring: Keyring | None = None, **changes: Any
) -> AsyncIterator[RelayUnderTest]:
    """A relay in this event loop, drained at the end."""
    own = keyring or keys.generate()
    relay, stop = Relay(quick(database, **changes), own), asyncio.Event()
    serving: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run(stop, serving.set_result))
        at = await serving
        try:
            yield RelayUnderTest(at.ws, at.http or "", own)
        finally:
            stop.set()


@contextmanager
def relay_process(
    database: str, keyring: Keyring, directory: Path, **changes: Any
) -> Iterator[tuple[RelayUnderTest, "subprocess.Popen[str]"]]:
    """A relay in a process of its own, killed at the end if it still runs."""
    path = directory / "keyring.json"
    keyring_file.save(keyring, path)
    settings = quick(database, **changes)
    told = json.dumps({name: getattr(settings, name) for name in RelaySettings.__slots__})
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, told, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ws, http = json.loads(process.stdout.readline())
            yield RelayUnderTest(ws, http, keyring), process
        finally:
            process.kill()
