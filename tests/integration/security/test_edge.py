"""Origins, methods and addresses: the same rule on the socket's port and on the HTTP port."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from support.postgres.databases import Database
from support.relay.asking import bearer, http, refusal
from support.relay.relays import NOTES, ready_relay, running_relay

SNAPSHOT = f"/api/sync/snapshot/{NOTES}"
PREFLIGHT = {
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.mark.parametrize(
    ("given", "origin", "allowed"),
    [
        ("https://app.example/", "https://app.example", True),
        ("HTTPS://App.Example:443", "https://app.example", True),
        ("https://app.example", "https://app.example:8443", False),
        ("https://app.example", "https://evil.example", False),
        ("https://app.example", "null", False),
        ("*", "https://evil.example", True),
        # The relay's own host, on another port.
        ("https://app.example", "http://relay.example:3000", True),
    ],
)
async def test_one_rule_lets_an_origin_open_sockets_and_ask_over_http(
    newest_database: Database, given: str, origin: str, allowed: bool
) -> None:
    async with running_relay(
        newest_database, http_port=0, host="0.0.0.0", origins=(given,)
    ) as running:
        await ready_relay(running)
        port = urlsplit(running.addresses.ws).port
        own = {"Host": f"relay.example:{port}"}
        url = running.url().replace("0.0.0.0", "127.0.0.1")
        if allowed:
            async with running.open() as peer:
                await peer.join()
        else:
            status, body, _ = await refusal(url, origin=origin, additional_headers=own)
            assert (status, body["code"]) == (403, "forbidden_origin")
        headers = {**bearer(running.token()), "Origin": origin, **own}
        async with http(running) as asking:
            answer = await asking.get(SNAPSHOT, headers=headers)
            preflight = await asking.options(SNAPSHOT, headers={**headers, **PREFLIGHT})
            token = await asking.post("/api/sync/token", headers={"Origin": origin, **own})
        assert answer.status_code == 200
        assert "origin" in answer.headers["vary"].lower()
        named = origin if allowed else None
        assert answer.headers.get("access-control-allow-origin") == named
        assert preflight.headers.get("access-control-allow-origin") == named
        assert preflight.status_code == (200 if allowed else 403)
        assert token.status_code == (401 if allowed else 403)
        if not allowed:
            assert preflight.json()["code"] == token.json()["code"] == "forbidden_origin"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    return tmp_path


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
HTTP_PATHS = {
    SNAPSHOT: "GET, HEAD, OPTIONS",
    f"/api/sync/documents/{NOTES}/x": "GET, HEAD, OPTIONS",
    "/api/sync/flags": "GET, HEAD, OPTIONS",
    "/api/sync/token": "POST, OPTIONS",
    "/api/convex/token": "POST, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
}
SOCKET_PATHS = {
    SNAPSHOT: "GET, HEAD, OPTIONS",
    f"/api/sync/documents/{NOTES}/x": "GET, HEAD, OPTIONS",
    "/api/sync/flags": "GET, HEAD, OPTIONS",
    "/socket/websocket": "GET, OPTIONS",
    "/sync/websocket": "GET, OPTIONS",
    "/sync/socket/websocket": "GET, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
}


def check_method(answer: httpx.Response, allow: str) -> None:
    method = answer.request.method
    if method == "OPTIONS":
        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")
    elif method in allow.split(", "):
        assert answer.status_code in (200, 401, 403, 426), answer.request.url
        assert (method == "HEAD") == (answer.content == b"")
    else:
        assert (answer.status_code, answer.headers["allow"]) == (405, allow), answer.request.url
        assert method == "HEAD" or answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("with_page", [False, True])
async def test_every_path_names_the_methods_that_it_takes(
    newest_database: Database, page: Path, with_page: bool
) -> None:
    more: dict[str, Any] = {"web_dir": page} if with_page else {}
    async with (
        running_relay(newest_database, http_port=0, metrics_port=0, **more) as running,
        httpx.AsyncClient(trust_env=False) as asking,
    ):
        await ready_relay(running)
        ws = running.addresses.ws.replace("ws://", "http://").removesuffix("/socket/websocket")
        metrics = str(running.addresses.metrics)
        ports: dict[str, dict[str, str]] = {
            str(running.addresses.http): {
                **HTTP_PATHS,
                **({"/": "GET, HEAD, OPTIONS"} if with_page else {}),
            },
            ws: SOCKET_PATHS,
            metrics.removesuffix("/metrics"): {"/metrics": "GET, HEAD, OPTIONS"},
        }
        for base, paths in ports.items():
            for path, allow in paths.items():
                for method in METHODS:
                    check_method(await asking.request(method, base + path), allow)
            for method in ("GET", "OPTIONS") if with_page else METHODS:
                answer = await asking.request(method, f"{base}/nothing/here")
                if method != "OPTIONS" or not with_page:
                    assert answer.status_code == 404
                    assert method == "HEAD" or answer.json()["code"] == "not_found"
        # A body makes no difference.
        answer = await asking.post(f"{ws}/healthz", content=b"{}")
        assert (answer.status_code, json.loads(answer.content)["code"]) == (
            405,
            "method_not_allowed",
        )


@pytest.mark.parametrize("workers_share", [False, True])
async def test_all_addresses_of_ipv6_are_those_of_ipv4_too(
    newest_database: Database, workers_share: bool
) -> None:
    async with running_relay(
        newest_database, http_port=0, host="::", reuse_port=workers_share
    ) as running:
        await ready_relay(running)
        for address in ("127.0.0.1", "[::1]"):
            url = running.url().replace("[::]", address)
            async with httpx.AsyncClient(trust_env=False) as asking:
                base = str(running.addresses.http).replace("[::]", address)
                assert (await asking.get(f"{base}/readyz")).status_code == 200
            status, body, _ = await refusal(url + "x")
            assert (status, body["code"]) == (403, "unauthorized")
