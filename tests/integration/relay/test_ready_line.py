"""`khala relay --json`: its line means that clients can join, with one process and with workers."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.databases import Database
from support.relay.relay_process import KHALA
from support.relay.relays import NOTES, PATIENCE_S, Peer
from support.trials.waiting import until


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_line_comes_when_a_join_succeeds(
    own_database: Database, tmp_path: Path, workers: int
) -> None:
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    await asyncio.to_thread(own_database.server.stop, "fast")
    log_file = tmp_path / "relay.log"
    with log_file.open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *KHALA,
            "relay",
            "--json",
            f"--workers={workers}",
            "--ws-port=0",
            "--http-port=0",
            f"--keyring={tmp_path / 'keyring.json'}",
            "--limit=database_timeout_s=1",
            "--limit=max_backoff_s=0.2",
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "KHALA_DATABASE_URL": own_database.relay_dsn},
        )
    try:
        assert process.stdout is not None
        line = asyncio.create_task(process.stdout.readline())
        await until(
            lambda: log_file.read_text().count("the database is away") == workers,
            "it looks for the database",
            PATIENCE_S,
        )
        assert not line.done()
        await asyncio.to_thread(own_database.server.start)
        ready = json.loads(await asyncio.wait_for(line, 60))
        assert ready["ready"] is True
        token = keys.sign_token(ring, org_id="org-a", scopes=[NOTES])
        for _ in range(8):
            async with Peer(f"{ready['ws']}?vsn=2.0.0&token={token}") as peer:
                await peer.join()
                await peer.subscribe(NOTES)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    said = log_file.read_text()
    assert said.count("the database is away") == said.count("the database is back") == workers
    assert "Traceback" not in said
    assert "psycopg" not in said
