"""The page that `khala dev` serves, and who gets its session."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.servers import Servers

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def ready(servers: Servers) -> Iterator[dict[str, str]]:
    """The ready line of a `khala dev` that serves a page."""
    home = servers.new_home("dev-page")
    page = home / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>page</title>")
    (page / "assets" / "index-1.js").write_text("export {}")
    arguments = ("--json", "--data-dir", home / "data", "--ws-port=0", "--http-port=0")
    with subprocess.Popen(
        khala("dev", *arguments, "--web-dir", page), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def khala(*arguments: str | Path) -> list[str]:
    return [
        *(sys.executable, "-c", "from khala_pg.cli.main import main; main()"),
        *map(str, arguments),
    ]


def get(
    ready: dict[str, str], path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], str]:
    address = urlsplit(ready["http"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def test_the_page_and_its_address(ready: dict[str, str]) -> None:
    assert ready["page"] == ready["http"] + "/"
    status, headers, body = get(ready, "/")
    assert (status, body) == (200, "<title>page</title>")
    assert headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    status, headers, body = get(ready, "/assets/index-1.js")
    assert status == 200
    assert "immutable" in headers["cache-control"]


def test_what_is_not_the_page_stays_as_it_was(ready: dict[str, str]) -> None:
    assert get(ready, "/readyz")[0] == 200
    assert get(ready, "/api/sync/snapshot/runtime.run_summaries")[0] == 401
    for path in ("/nothing", "/assets/../../data/dev.json", "/%2e%2e/data/dev.json"):
        status, _, body = get(ready, path)
        assert status == 404, path
        assert json.loads(body)["code"] == "not_found"


SESSION = "/api/page/session"


def test_the_session_is_for_the_page(ready: dict[str, str]) -> None:
    status, headers, body = get(ready, SESSION)
    session = json.loads(body)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert (session["ws"], session["organisation"]) == (ready["ws"], "dev")
    assert (session["organisations"], "token" in session) == (None, False)
    port = urlsplit(ready["http"]).port
    status, _, body = get(ready, SESSION, {"Host": f"localhost:{port}"})
    assert json.loads(body)["ws"] == ready["ws"].replace("127.0.0.1", "localhost")
    assert get(ready, SESSION, {"Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:4001"},
        {"Host": "["},
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-Host": "tunnel.example"},
        {"Forwarded": "for=203.0.113.9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_nobody_elses_page_gets_the_session(ready: dict[str, str], headers: dict[str, str]) -> None:
    status, _, body = get(ready, SESSION, headers)
    assert status in (401, 403)
    assert "organisation" not in body


def test_a_relay_hands_out_no_session_beyond_this_machine(tmp_path: Path) -> None:
    ring = tmp_path / "keyring.json"
    keyring_file.save(keys.generate(), ring)
    said = subprocess.run(
        khala("relay", "--host", "0.0.0.0", "--dev-session", tmp_path / "dev.json"),
        env={**os.environ, "KHALA_DATABASE_URL": "postgresql://", "KHALA_KEYRING": str(ring)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert said.returncode != 0
    assert "a host of this machine only" in " ".join(said.stderr.split())
