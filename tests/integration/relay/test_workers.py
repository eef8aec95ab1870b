"""`khala relay --workers`: processes on one port, which live, end and are replaced as one relay."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.databases import Database
from support.relay.relay_process import KHALA, TOPICS, RelayProcess, relay_process
from support.relay.relays import NOTES, PATIENCE_S, Peer, Writer, writer
from support.relay.scraping import Scrape
from support.trials.waiting import until, wait_until

WORKERS = 2
ARGUMENTS = (f"--workers={WORKERS}", "--metrics-port=0")


def pids(relay: RelayProcess) -> list[int]:
    return [each["pid"] for each in relay.hello["workers"]]


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


async def sockets_of(relay: RelayProcess) -> list[float]:
    """How many sockets each worker has; one that does not respond: -1."""
    found: list[float] = []
    async with httpx.AsyncClient(trust_env=False) as client:
        for each in relay.hello["workers"]:
            try:
                scrape = Scrape((await client.get(each["metrics"])).text)
            except httpx.TransportError:
                found.append(-1)
            else:
                found.append(scrape.value("khala_connections_active"))
    return found


@asynccontextmanager
async def on_every_worker(relay: RelayProcess, subject: str) -> AsyncIterator[list[list[Peer]]]:
    """Subscribed peers, at least one on each worker, by worker."""
    token = keys.sign_token(
        keyring_file.load(relay.keyring_file), org_id="org-a", scopes=TOPICS, subject=subject
    )
    found: list[list[Peer]] = [[] for _ in range(WORKERS)]
    async with AsyncExitStack() as stack:
        before = await sockets_of(relay)
        # The kernel chooses by the port of the client, which is another one each time.
        for _ in range(64):
            peer = await stack.enter_async_context(Peer(f"{relay.ws}?vsn=2.0.0&token={token}"))
            await peer.join()
            await peer.subscribe(NOTES)
            after = await sockets_of(relay)
            [worker] = [n for n in range(WORKERS) if after[n] != before[n]]
            found[worker].append(peer)
            before = after
            if all(found):
                break
        yield found


async def assert_delivered(write: Writer, document: str, groups: list[list[Peer]]) -> None:
    watermark = await write.sink(document)
    for peer in [peer for group in groups for peer in group]:
        updates, _ = await peer.updates_until(watermark)
        assert updates[-1]["doc_key"] == document


async def assert_closed(groups: list[list[Peer]], code: int) -> None:
    for peer in [peer for group in groups for peer in group]:
        assert (await peer.closed())[0] == code


async def test_workers_live_and_end_as_one_relay(newest_database: Database, tmp_path: Path) -> None:
    with relay_process(newest_database.relay_dsn, tmp_path, arguments=ARGUMENTS) as relay:
        first_pids = pids(relay)
        assert len(set(first_pids)) == WORKERS
        async with writer(newest_database) as write, on_every_worker(relay, "ann") as ann:
            await assert_delivered(write, "d1", ann)

            os.kill(first_pids[0], signal.SIGKILL)
            for peer in ann[0]:
                assert (await peer.closed())[0] == 1006
            await assert_delivered(write, "d2", ann[1:])

            async def is_replaced() -> bool:
                return (await sockets_of(relay))[0] == 0

            await until(is_replaced, "another worker is in its place", PATIENCE_S)
            async with on_every_worker(relay, "bob") as bob:
                await assert_delivered(write, "d3", [*ann[1:], *bob])

                with newest_database.connect() as connection:
                    connection.execute("SELECT khala.revoke('sub', 'bob')")
                await assert_closed(bob, 4401)

            # None of the keys that there were: what each worker has read it acts on.
            keyring_file.save(keys.generate(), relay.keyring_file)
            relay.process.send_signal(signal.SIGHUP)
            await assert_closed(ann[1:], 4401)

        async with on_every_worker(relay, "cid") as cid:
            ending = asyncio.create_task(asyncio.to_thread(relay.terminate))
            await assert_closed(cid, 1012)
            assert await ending == 0
        assert not [pid for pid in first_pids if runs(pid)]
        log = relay.log_file.read_text()
        assert f"worker 1 (process {first_pids[0]}) was killed by SIGKILL" in log
        assert "WARNING worker" not in log.replace("WARNING worker 1 (", "")


def test_workers_do_not_outlive_the_process_that_started_them(
    newest_database: Database, tmp_path: Path
) -> None:
    with relay_process(newest_database.relay_dsn, tmp_path, arguments=ARGUMENTS) as relay:
        workers = pids(relay)
        relay.kill()
        wait_until(lambda: not any(map(runs, workers)), "the workers end")


def test_what_no_worker_can_do_is_said_once(newest_database: Database, tmp_path: Path) -> None:
    keyring_file.save(keys.generate(), tmp_path / "keyring.json")
    with newest_database.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION khala.schema_version() RETURNS integer"
            " LANGUAGE sql STABLE RETURN 999"
        )
    done = subprocess.run(
        [
            *KHALA,
            "relay",
            "--workers=2",
            "--ws-port=0",
            "--http-port=0",
            f"--keyring={tmp_path / 'keyring.json'}",
        ],
        env={**os.environ, "KHALA_DATABASE_URL": newest_database.relay_dsn},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "the database has version 999 of Khala's schema" in done.stderr
    assert done.stderr.count("Upgrade khala-pg here") == 1
    assert "Traceback" not in done.stderr
