"""The log of `khala relay --log-format json`, as a program reads it."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.databases import Database
from support.relay.relay_process import KHALA
from support.relay.relays import NOTES, RUNS, Peer, writer
from support.trials.waiting import until


async def test_one_line_tells_the_life_of_a_socket(
    newest_database: Database, tmp_path: Path
) -> None:
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    token = keys.sign_token(ring, org_id="org-a", scopes=[NOTES, RUNS])
    log_file = tmp_path / "relay.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [
                *KHALA,
                "relay",
                "--json",
                "--log-format=json",
                "--log-level=debug",
                "--ws-port=0",
                "--http-port=-1",
                f"--keyring={tmp_path / 'keyring.json'}",
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "KHALA_DATABASE_URL": newest_database.relay_dsn},
        )
    try:
        assert process.stdout is not None
        ws = json.loads(await asyncio.to_thread(process.stdout.readline))["ws"]

        def lines() -> list[dict[str, object]]:
            return [json.loads(line) for line in log_file.read_text().splitlines()]

        await until(
            lambda: any("listening" in str(line["message"]) for line in lines()), "it listens"
        )
        async with (
            writer(newest_database) as runtime,
            Peer(f"{ws}?vsn=2.0.0&token={token}") as peer,
        ):
            await runtime.sink_many(7)

            async def has_joined() -> bool:
                reply = await peer.reply_to(await peer.send("phx_join", {}))
                return bool(reply["status"] == "ok")

            await until(has_joined, "the database is known")
            await peer.subscribe(NOTES)
            await peer.updates_until(7)
            await peer.ask("sync:refresh", {"token": token})
        async with connect(f"{ws}?vsn=2.0.0&token={token}"):
            pass
        forged = f"{token[:-8]}AAAAAAAA"
        with pytest.raises(InvalidStatus):
            async with connect(f"{ws}?vsn=2.0.0&token={forged}"):
                pass
        answer = await asyncio.to_thread(
            httpx.get, f"{ws.replace('ws:', 'http:')}?vsn=2.0.0&token={token}", trust_env=False
        )
        assert answer.status_code == 426

        def lives() -> list[dict[str, object]]:
            return [line for line in lines() if line["logger"] == "khala.relay.sockets"]

        await until(lambda: len(lives()) == 4, "two lives were told, and what was refused")
        first, second, bad, plain = lives()
        assert (bad["status"], bad["code"], bad["address"]) == (403, "unauthorized", "127.0.0.1")
        assert "signature" in str(bad["why"]).lower()
        assert (plain["status"], plain["code"]) == (426, "bad_handshake")
        assert forged.split(".")[2] not in log_file.read_text()
        assert first["reason"] == second["reason"] == "client"
        assert (first["sub"], first["org"], first["encoding"]) == ("khala", "org-a", "json")
        assert (first["updates"], second["updates"]) == (7, 0)
        assert isinstance(first["bytes"], int)
        assert first["bytes"] > 7 * 50
        assert second["bytes"] == 0
        assert isinstance(first["duration_s"], float)
        assert {"time", "level", "logger", "message"} <= set(first)
        assert token.split(".")[2] not in log_file.read_text()
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 0
