"""A reader that stops reading while 50,000 updates of 1 KiB flow, beside readers that do not.

The relay is a process of its own, so that its memory can be read.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from khala_pg import keyring as keys
from support.databases import Database
from support.relays import NOTES, Peer, writer
from support.waiting import until

UPDATES = 50_000
BATCH = 100
STOP_S = 30.0
WRITE_BUFFER_BYTES = 1024 * 1024
# What one slow connection may add: its buffer, one live frame and one page beyond it, each held a
# second time while it is put together; and what the allocator keeps.
BOUND_BYTES = WRITE_BUFFER_BYTES + 2 * 2 * 2 * 1024 * 1024 + 8 * 1024 * 1024


@dataclass(frozen=True)
class RelayProcess:
    pid: int
    ws: str
    keyring: keys.Keyring

    def peer(self, **options: int) -> Peer:
        token = keys.sign_token(self.keyring, org_id="org-a", scopes=[NOTES])
        return Peer(f"{self.ws}?vsn=2.0.0&token={token}", **options)

    def memory_bytes(self, field: str = "VmRSS") -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith(field + ":")]
        return int(line.split()[1]) * 1024


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False


@asynccontextmanager
async def relay_process(database: Database, directory: Path) -> AsyncIterator[RelayProcess]:
    ring = keys.generate()
    keys.save(ring, directory / "keyring.json")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("khala")),
        "relay",
        f"--database={database.relay_dsn}",
        f"--keyring={directory / 'keyring.json'}",
        "--ws-port=0",
        "--http-port=-1",
        "--json",
        f"--limit=max_write_buffer_bytes={WRITE_BUFFER_BYTES}",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await process.stdout.readline())
        readyz = ready["ws"].replace("ws:", "http:").replace("/socket/websocket", "/readyz")
        await until(lambda: asyncio.to_thread(_answers, readyz), "the relay is ready")
        yield RelayProcess(process.pid, ready["ws"], ring)
    finally:
        process.terminate()
        assert await process.wait() == 0


async def read_all(peer: Peer, last: int) -> float:
    """Reads up to the watermark, checks that nothing is missing, and returns the time it took."""
    started, seen = time.monotonic(), 0
    while seen < last:
        batch = await peer.event("sync:update_batch")
        for update in batch["updates"]:
            assert update["watermark"] == seen + 1
            seen += 1
    return time.monotonic() - started


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_reader_that_stops_costs_a_bounded_amount(
    newest_database: Database, tmp_path: Path
) -> None:
    text = "x" * 1024
    async with (
        relay_process(newest_database, tmp_path) as relay,
        writer(newest_database) as write,
        relay.peer() as quick,
        relay.peer(max_queue=1) as stopped,
    ):
        for peer in (quick, stopped):
            await peer.join()
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
        await write.sink_many(BATCH, 1, text)
        # From here on nothing reads the other socket.
        before = relay.memory_bytes()
        started = time.monotonic()

        async def write_all() -> None:
            for version in range(2, UPDATES // BATCH + 1):
                await write.sink_many(BATCH, version, text)

        writing = asyncio.create_task(write_all())
        quick_s = await read_all(quick, UPDATES)
        await writing
        written_s = time.monotonic() - started
        await asyncio.sleep(max(0.0, STOP_S - written_s))
        grown = relay.memory_bytes("VmHWM") - before
        print(
            f"written and read by the quick reader in {quick_s:.1f} s; relay memory "
            f"{before / 2**20:.1f} MiB before, grown by {grown / 2**20:.1f} MiB at most"
        )
        caught_up_s = await read_all(stopped, UPDATES)
        print(f"the stopped reader caught up in {caught_up_s:.1f} s")
        assert grown <= BOUND_BYTES
        await write.sink("last")
        await stopped.updates_until(UPDATES + 1)
