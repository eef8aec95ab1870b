"""The examples of proxies, in front of a relay: sockets and HTTP on one origin, with TLS."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from khala_pg.postgres import free_ports
from support.http.certificates import Certificate, make_certificate
from support.postgres.databases import Database
from support.relay.asking import bearer
from support.relay.relays import NOTES, PATIENCE_S, Peer, running_relay, writer
from support.trials.waiting import until

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
PATH = f"{os.defpath}:/usr/sbin"


def replaced(text: str, pairs: dict[str, str]) -> str:
    """The example with each of these in another place. All of them stand in it."""
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(directory: Path, ws: str, http: str, made: Certificate, port: int) -> Iterator[None]:
    example = replaced(
        (DEPLOY / "nginx/khala.conf").read_text("utf-8"),
        {
            "127.0.0.1:4000": ws,
            "127.0.0.1:4001": http,
            "listen 80;": f"listen 127.0.0.1:{free_ports.free_port()};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/nginx/tls/sync.example.com.pem": made.certificate,
            "/etc/nginx/tls/sync.example.com.key": made.key,
            "/var/log/nginx/khala.log": str(directory / "access.log"),
        },
    )
    (directory / "khala.conf").write_text(example, "utf-8")
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = directory / "nginx.conf"
    main.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid;\n"
        f"error_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {directory}/khala.conf;\n}}\n",
        "utf-8",
    )
    program = shutil.which("nginx", path=PATH)
    assert program is not None
    command = [program, "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with running(command, directory):
        yield


@contextmanager
def caddy(directory: Path, ws: str, http: str, made: Certificate, port: int) -> Iterator[None]:
    example = replaced(
        (DEPLOY / "caddy/Caddyfile").read_text("utf-8"),
        {
            "127.0.0.1:4000": ws,
            "127.0.0.1:4001": http,
            "sync.example.com {": (
                "{\nadmin off\nauto_https off\n}\n"
                f"https://127.0.0.1:{port} {{\ntls {made.certificate} {made.key}\n"
            ),
        },
    )
    file = directory / "Caddyfile"
    file.write_text(example, "utf-8")
    with running(["caddy", "run", "--adapter", "caddyfile", "--config", str(file)], directory):
        yield


@contextmanager
def running(command: list[str], directory: Path) -> Iterator[None]:
    home = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "PATH": PATH}
    with (directory / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=home)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def place(url: str | None) -> str:
    """Host and port of a URL."""
    return urlsplit(url or "").netloc


PROXIES = {"nginx": nginx, "caddy": caddy}


@pytest.mark.parametrize("name", PROXIES)
async def test_sockets_and_http_go_through(
    newest_database: Database, tmp_path: Path, name: str
) -> None:
    if shutil.which(name, path=PATH) is None:
        pytest.skip(f"{name} is not installed")
    made, port = make_certificate(tmp_path), free_ports.free_port()
    async with (
        running_relay(
            newest_database, http_port=0, require_tls=True, trusted_proxies=("127.0.0.1",)
        ) as relay,
        httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{port}", verify=made.trusting(), trust_env=False
        ) as client,
    ):
        ws, http = place(relay.addresses.ws), place(relay.addresses.http)
        with PROXIES[name](tmp_path, ws, http, made, port):

            async def is_ready() -> bool:
                try:
                    return (await client.get("/readyz")).status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            await until(is_ready, f"the relay is ready through {name}", PATIENCE_S)
            # Longer than proxies take by default.
            token = relay.token(scopes=(NOTES, *(f"long.{'x' * 40}{n}" for n in range(180))))
            assert len(token) > 10_000
            url = f"wss://127.0.0.1:{port}/socket/websocket?vsn=2.0.0&token={token}"
            async with Peer(url, ssl=made.trusting()) as peer, writer(newest_database) as writes:
                await peer.join()
                await peer.subscribe(NOTES)
                await writes.sink("through")
                await peer.next(lambda frame: "through" in str(frame[4]))
            response = await client.get(f"/api/sync/snapshot/{NOTES}", headers=bearer(token))
            assert (response.status_code, "through" in response.text) == (200, True)
            # What a client claims about itself does not reach the relay.
            plain = await client.get("/healthz", headers={"X-Forwarded-Proto": "http"})
            assert plain.status_code == httpx.codes.OK
    for log in tmp_path.glob("*.log"):
        assert token[:40] not in log.read_text()
