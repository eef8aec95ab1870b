"""TLS, proxies that end it, and secrets that no log ever holds."""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage
from websockets.typing import Subprotocol

from khala_pg import keyring as keys
from khala_pg.auth import api_keys
from khala_pg.errors import UsageError
from khala_pg.relay.listening import tls_context
from khala_pg.sqlapi import admin
from support.asking import bearer, refusal
from support.certificates import make_certificate
from support.databases import Database
from support.relays import NOTES, Peer, ready_relay, running_relay

KHALA = str(Path(sys.executable).with_name("khala"))


async def test_both_ports_speak_tls(newest_database: Database, tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    async with running_relay(
        newest_database,
        http_port=0,
        tls_certificate=made.certificate,
        tls_key=made.key,
        require_tls=True,
    ) as running:
        await ready_relay(running)
        assert running.addresses.ws.startswith("wss://")
        assert running.addresses.http is not None
        assert running.addresses.http.startswith("https://")
        async with running.joined(ssl=made.trusting()) as peer:
            await peer.subscribe(NOTES)
        url = f"{running.addresses.http}/api/sync/snapshot/{NOTES}"
        async with httpx.AsyncClient(verify=made.trusting(), trust_env=False) as asking:
            assert (await asking.get(url, headers=bearer(running.token()))).status_code == 200
        with pytest.raises((InvalidMessage, ConnectionError)):
            async with connect(running.url().replace("wss:", "ws:")):
                pass


async def test_tls_that_ends_at_a_proxy(newest_database: Database) -> None:
    async with running_relay(
        newest_database, require_tls=True, trusted_proxies=("127.0.0.0/8",)
    ) as running:
        await ready_relay(running)
        async with running.joined(additional_headers={"X-Forwarded-Proto": "https"}):
            pass
        for headers in ({}, {"X-Forwarded-Proto": "http"}):
            status, body, _ = await refusal(running.url(), additional_headers=headers)
            assert (status, body["code"]) == (403, "insecure_transport")
    async with running_relay(newest_database, require_tls=True) as running:
        await ready_relay(running)
        forged = {"X-Forwarded-Proto": "https"}
        assert (await refusal(running.url(), additional_headers=forged))[0] == 403


def test_a_certificate_of_no_use_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(UsageError, match="TLS certificate"):
        tls_context(str(tmp_path / "x.pem"), str(tmp_path / "x.pem"))
    with pytest.raises(UsageError, match="TLS certificate"):
        tls_context(str(tmp_path / "none.pem"), None)


async def test_no_secret_is_ever_logged(newest_database: Database, tmp_path: Path) -> None:
    """Everything that carries a secret is done once, well and badly, with all logs on."""
    ring = keys.generate()
    keys.save(ring, tmp_path / "keyring.json")
    key = api_keys.generate()
    with newest_database.connect("dba") as connection:
        admin.create_api_key(
            connection,
            admin.NewApiKey(key.key_id, key.secret_hash, "l", "s", "org-a", [NOTES], None),
        )
    log_file = tmp_path / "relay.log"
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            [
                *(KHALA, "relay", "--json", "--ws-port=0", "--http-port=0", "--log-level=debug"),
                f"--keyring={tmp_path / 'keyring.json'}",
                f"--database={newest_database.relay_dsn}",
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        ready = json.loads(await asyncio.to_thread(process.stdout.readline))
        tokens = [
            keys.sign_token(ring, org_id="org-a", scopes=[NOTES], subject="s") for _ in range(5)
        ]
        bad = tokens[4][:-4] + "AAAA"
        base = f"{ready['ws']}?vsn=2.0.0"
        async with Peer(f"{base}&token={tokens[0]}") as peer:
            while (await peer.reply_to(await peer.send("phx_join", {})))["status"] != "ok":
                await peer.send("heartbeat", {}, "phoenix")
            await peer.ask("sync:refresh", {"token": tokens[1]})
            await peer.ask_in_vain("sync:refresh", {"token": bad})
            await peer.socket.send(f"no frame {tokens[2]}")
            await peer.event("sync:error")
        offered = [
            Subprotocol("phoenix"),
            Subprotocol(f"base64url.bearer.phx.{encoded(tokens[3])}"),
        ]
        async with connect(base, subprotocols=offered):
            pass
        await refusal(f"{base}&token={bad}")
        await refusal(f"{base}&token={tokens[0]}&token={tokens[1]}")
        async with httpx.AsyncClient(base_url=ready["http"], trust_env=False) as asking:
            snapshot = f"/api/sync/snapshot/{NOTES}"
            assert (await asking.get(snapshot, headers=bearer(tokens[0]))).status_code == 200
            assert (await asking.get(snapshot, headers=bearer(bad))).status_code == 401
            assert (await asking.get(f"{snapshot}?token={tokens[0]}")).status_code == 401
            answer = await asking.post("/api/sync/token", headers=bearer(str(key)))
            tokens.append(answer.json()["data"]["token"])
            wrong = f"khala_{key.key_id}_{key.secret[::-1]}"
            assert (await asking.post("/api/sync/token", headers=bearer(wrong))).status_code == 401
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    said = log_file.read_text()
    assert len(said) > 500
    for token in (*tokens, bad):
        for part in (token, *token.split(".")[1:], encoded(token)):
            assert part not in said
    for secret in (key.secret, key.secret[::-1], key.secret_hash.hex()):
        assert secret not in said
    secrets = json.loads((tmp_path / "keyring.json").read_text())["keys"]
    assert all(each["secret"] not in said for each in secrets)


def encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode().rstrip("=")
