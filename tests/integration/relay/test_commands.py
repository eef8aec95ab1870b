"""`khala relay` and `khala token` as programs."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.http.tokens import verify_token
from support.postgres.databases import Database
from support.relay.asking import ready_at
from support.relay.relays import NOTES, Peer

KHALA = str(Path(sys.executable).with_name("khala"))


async def khala(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        KHALA,
        *arguments,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_keyring_token_relay_and_its_end(newest_database: Database, tmp_path: Path) -> None:
    ring = str(tmp_path / "keyring.json")
    assert (await khala("keyring", "new", ring, cwd=tmp_path))[0] == 0
    code, token, _ = await khala(
        "token", "--keyring", ring, "--org", "org-a", "--topic", NOTES, "--ttl", "15m", cwd=tmp_path
    )
    assert code == 0
    claims = verify_token(token.strip(), keyring_file.load(Path(ring)))
    assert (claims.org_id, claims.scopes) == ("org-a", (NOTES,))
    assert claims.expires_at - claims.issued_at == 900
    process = await asyncio.create_subprocess_exec(
        KHALA,
        "relay",
        f"--database={newest_database.relay_dsn}",
        f"--keyring={ring}",
        "--ws-port=0",
        "--http-port=0",
        "--json",
        "--limit=heartbeat_interval_s=0.1",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["ready"] is True
    assert ready["http"].startswith("http://127.0.0.1:")
    await ready_at(ready["http"])
    peer = Peer(f"{ready['ws']}?vsn=2.0.0&token={token.strip()}")
    async with connect(f"{ready['ws']}?vsn=2.0.0&token={token.strip()}") as peer.socket:
        await peer.ask("phx_join", {})
        await peer.subscribe(NOTES)
        await peer.event("sync:heartbeat")
        process.send_signal(signal.SIGTERM)
        code_seen, frames = await peer.closed()
    assert code_seen == 1012
    assert frames[-1][4]["retry_after_ms"] > 0
    _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"Traceback" not in log
    assert token.strip().encode() not in log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["token", "--org", "a"], "at least one topic"),
        (["token", "--org", "a", "--topic", "t"], "KHALA_KEYRING"),
        (
            ["token", "--org", "a", "--topic", "t", "--keyring", "none.json"],
            "khala keyring new none.json",
        ),
        (["keyring", "new", "there.json"], "already"),
        (["relay", "--keyring", "none.json"], "khala keyring new none.json"),
        (["relay", "--keyring", "good.json"], "KHALA_DATABASE_URL"),
        (
            ["relay", "--keyring", "good.json", "--database", "dbname=x", "--limit", "no=1"],
            "no limit 'no'",
        ),
        (
            [
                "relay",
                "--keyring",
                "good.json",
                "--database",
                "dbname=x",
                "--limit",
                "pool_size=many",
            ],
            "pool_size=8",
        ),
        (
            ["relay", "--keyring", "good.json", "--database", "dbname=x", "--limit", "pool_size=1"],
            "2 or more",
        ),
        (["relay", "--keyring", "good.json", "--log-level", "loud"], "log level"),
        (
            ["relay", "--keyring", "good.json", "--database", "no such thing", "--ws-port", "0"],
            "connection string",
        ),
    ],
)
async def test_what_cannot_work_is_said_in_words(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    keyring_file.save(keys.generate(), tmp_path / "good.json")
    (tmp_path / "there.json").write_text("{}")
    code, _, err = await khala(*arguments, cwd=tmp_path)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
