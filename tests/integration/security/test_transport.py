"""TLS, proxies that end it, and secrets that no log ever holds."""

import asyncio
import base64
import contextlib
import json
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage
from websockets.typing import Subprotocol

from khala_pg.auth import api_keys, keyring_file
from khala_pg.auth import keyring as keys
from khala_pg.errors import UsageError
from khala_pg.relay.opening.ports import Certificate
from khala_pg.sqlapi import admin
from support.http.certificates import Certificate as MadeCertificate
from support.http.certificates import make_certificate
from support.postgres.databases import Database
from support.relay.asking import bearer, ready_at, refusal
from support.relay.relays import NOTES, Peer, ready_relay, running_relay

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


async def test_a_renewed_certificate_needs_no_restart(
    newest_database: Database, tmp_path: Path
) -> None:
    directories = [tmp_path / name for name in ("old", "new", "used")]
    for directory in directories:
        directory.mkdir()
    old, new = (make_certificate(directory) for directory in directories[:2])
    used = make_certificate(directories[2])

    def put(certificate: str, key: str) -> None:
        Path(used.certificate).write_bytes(Path(certificate).read_bytes())
        Path(used.key).write_bytes(Path(key).read_bytes())

    put(old.certificate, old.key)
    ring = keys.generate()
    async with running_relay(
        newest_database,
        ring,
        load_keyring=lambda: ring,
        http_port=0,
        tls_certificate=used.certificate,
        tls_key=used.key,
    ) as running:
        await ready_relay(running)

        async def shown(certificate: MadeCertificate) -> bool:
            """Whether both ports show it."""
            context = certificate.trusting()
            try:
                async with running.open(ssl=context):
                    pass
                async with httpx.AsyncClient(verify=context, trust_env=False) as asking:
                    await asking.get(f"{running.addresses.http}/healthz")
            except (ssl.SSLError, httpx.ConnectError):
                return False
            return True

        async with running.joined(ssl=old.trusting()) as peer:
            assert await shown(old)
            # A certificate and a key that are no pair: the relay goes on with what it had.
            put(new.certificate, old.key)
            assert not running.relay.reload()
            assert await shown(old)
            put(new.certificate, new.key)
            assert running.relay.reload()
            assert await shown(new)
            assert not await shown(old)
            # A socket that is open stays open.
            await peer.ask("sync:heartbeat", {})


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


async def test_requests_without_tls_are_refused_on_both_ports(newest_database: Database) -> None:
    async with running_relay(
        newest_database, http_port=0, require_tls=True, trusted_proxies=("127.0.0.0/8",)
    ) as running:
        await ready_relay(running)
        assert running.addresses.http is not None
        at_socket_port = f"http://{urlsplit(running.url()).netloc}"
        token = bearer(running.token())
        async with httpx.AsyncClient(trust_env=False) as asking:
            for base in (running.addresses.http, at_socket_port):
                path = f"{base}/api/sync/snapshot?topic={NOTES}"
                answered = await asking.get(path, headers=token | {"X-Forwarded-Proto": "https"})
                assert answered.status_code == 200
                for headers in ({}, {"X-Forwarded-Proto": "http"}):
                    refused = await asking.get(path, headers=token | headers)
                    assert refused.status_code == 403
                    assert refused.json()["code"] == "insecure_transport"
                # Probes have no secret.
                assert (await asking.get(f"{base}/readyz")).status_code == 200
            asked = await asking.post(f"{running.addresses.http}/api/sync/token")
            assert asked.json()["code"] == "insecure_transport"


def test_a_certificate_of_no_use_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(UsageError, match="TLS certificate"):
        Certificate.given(str(tmp_path / "x.pem"), str(tmp_path / "x.pem"))
    with pytest.raises(UsageError, match="TLS certificate"):
        Certificate.given(str(tmp_path / "none.pem"), None)
    assert Certificate.given(None, None) is None


async def test_no_secret_is_ever_logged(newest_database: Database, tmp_path: Path) -> None:
    """Everything that carries a secret is done once, well and badly, with all logs on."""
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    key = api_keys.generate()
    with newest_database.connect("dba") as connection:
        admin.create_api_key(
            connection,
            key,
            "l",
            "s",
            "org-a",
            [NOTES],
            None,
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
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        ready = json.loads(await asyncio.to_thread(process.stdout.readline))
        tokens = [
            keys.sign_token(ring, org_id="org-a", scopes=[NOTES], subject="s") for _ in range(5)
        ]
        bad = tokens[4][:-4] + "AAAA"
        base = f"{ready['ws']}?vsn=2.0.0"
        await ready_at(ready["http"])
        async with Peer(f"{base}&token={tokens[0]}") as peer:
            await peer.ask("phx_join", {})
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
        for port in (urlsplit(ready["ws"]).port, urlsplit(ready["http"]).port):
            for request in broken_requests(tokens[0]):
                await send(port, request)
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


def broken_requests(token: str) -> list[str]:
    """Requests that a server complains about, each with the token in the part that is wrong."""
    target = f"/socket/websocket?vsn=2.0.0&token={token}"
    upgrade = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    return [
        f"GET {target} HTTP/1.0",
        f"POST {target} HTTP/1.1",
        f"GET {target}",
        f"GET {target} x HTTP/1.1",
        token,
        f"GET / HTTP/1.1\r\nAuthorization: Bearer \x01{token}",
        f"GET / HTTP/1.1\r\nAuthorization Bearer {token}",
        f"GET / HTTP/1.1\r\n{upgrade}\r\nSec-WebSocket-Key: {token}",
        f"GET / HTTP/1.1\r\n{upgrade}\r\n{key}\r\nSec-WebSocket-Version: {token}",
        f'GET / HTTP/1.1\r\n{upgrade}\r\n{key}\r\nSec-WebSocket-Protocol: "{token};;',
        f"GET {target}{'x' * 20_000} HTTP/1.1",
    ]


async def send(port: int | None, request: str) -> None:
    """Sends a request's head and waits for the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request}\r\n\r\n".encode("latin1"))
    writer.write_eof()
    try:
        async with asyncio.timeout(20):
            while await reader.read(65536):
                pass
    except ConnectionError:
        return
    finally:
        writer.transport.abort()


async def test_no_socket_opens_on_the_http_port(newest_database: Database) -> None:
    """It would be under none of the limits of the socket port."""
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        url = running.url().replace(running.addresses.ws, "")
        there = str(running.addresses.http).replace("http:", "ws:")
        status, body, _ = await refusal(f"{there}/socket/websocket{url}")
        assert (status, body["code"]) == (404, "not_found")


def encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode().rstrip("=")
