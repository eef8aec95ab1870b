"""`khala page`, as an administrator runs it beside a relay that serves the page."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.postgres.databases import Database
from support.programs.runs import khala_text
from support.relay.relay_process import RelayProcess, relay_process


def khala_page(database: Database, *arguments: str, login: str = "dba") -> tuple[int, str, str]:
    """Status, output and errors, in words on one line each."""
    said = khala_text("page", f"--database={database.dsn_as(login)}", *arguments)
    return said.returncode, said.stdout.strip(), " ".join(said.stderr.split())


@pytest.fixture
def relay(newest_database: Database, tmp_path: Path) -> Iterator[RelayProcess]:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<title>page</title>")
    arguments = (f"--web-dir={page}",)
    with relay_process(newest_database.relay_dsn, tmp_path, arguments=arguments) as running:
        yield running


def sign_in(relay: RelayProcess, link: str) -> httpx.Response:
    address, code = link.split("#/sign-in/")
    assert address == f"{relay.http}/"
    page = httpx.get(address, trust_env=False)
    assert page.text == "<title>page</title>"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    return httpx.post(f"{relay.http}/api/page/sign-in", json={"code": code}, trust_env=False)


def test_links_and_sessions(newest_database: Database, relay: RelayProcess) -> None:
    status, link, said = khala_page(newest_database, f"--url={relay.http}/")
    with newest_database.connect("dba") as connection:
        login = connection.info.user
    assert status == 0
    assert said == f"khala: for any organisation, as {login}; works once, within 10 min"
    response = sign_in(relay, link)
    assert response.json()["organisations"] is None

    named = ("--org=acme", "--org=beta", "--person=ann", f"--url={relay.http}", "--json")
    status, line, said = khala_page(newest_database, *named)
    assert (status, said) == (0, "")
    made = json.loads(line)
    assert made["organisations"] == ["acme", "beta"]

    status, lines, _ = khala_page(newest_database, "--list", "--json")
    found = [json.loads(each) for each in lines.splitlines()]
    assert [each["org_ids"] for each in found] == [None, ["acme", "beta"]]
    assert [each["person"] for each in found] == [login, "ann"]
    assert [each["signed_in_at"] is None for each in found] == [False, True]
    assert "acme" in khala_page(newest_database, "--list")[1]

    assert khala_page(newest_database, f"--end={made['session_id']}")[1].startswith("1 session")
    assert sign_in(relay, made["url"]).status_code == 401
    assert khala_page(newest_database, "--end=all")[:2] == (0, "1 session or link ended")
    cookies = {"khala_page": response.cookies["khala_page"]}
    session = httpx.get(f"{relay.http}/api/page/session", cookies=cookies, trust_env=False)
    assert session.status_code == 401
    status, _, said = khala_page(newest_database, "--end=nothing")
    assert status == 2
    assert "there is no session 'nothing'" in said


def test_what_it_says_of_a_relay(newest_database: Database, tmp_path: Path) -> None:
    status, link, said = khala_page(newest_database, "--url=http://127.0.0.1:9")
    assert (status, link.startswith("http://127.0.0.1:9/#/sign-in/")) == (0, True)
    assert "no relay responds at http://127.0.0.1:9 from here" in said
    dsn = newest_database.relay_dsn
    with relay_process(dsn, tmp_path, arguments=("--no-page",)) as running:
        status, link, said = khala_page(newest_database, f"--url={running.http}")
        assert (status, link) == (2, "")
        assert "is not the HTTP address of a relay that has an admin page" in said
        running.terminate()


def test_a_relay_without_signing_keys(newest_database: Database, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    issuer = {"issuer": "https://issuer.example", "file": "jwks.json"}
    keyring = {"audience": "khala-sync", "jwks": [issuer]}
    running = RelayProcess(newest_database.relay_dsn, tmp_path, {})
    running.keyring_file.write_text(json.dumps(keyring))
    running.start()
    try:
        status, link, said = khala_page(newest_database, f"--url={running.http}")
    finally:
        running.kill()
    assert (status, link) == (1, "")
    assert "has no key to sign tokens with" in said


def test_wrong_calls(newest_database: Database) -> None:
    for arguments in (
        ("--list", "--end=all"),
        ("--list", "--org=a"),
        ("--end=all", "--url=x"),
        ("--list", "--person=a"),
    ):
        assert khala_page(newest_database, *arguments)[0] == 2
    status, _, said = khala_page(newest_database, "--list", login="relay")
    assert status == 2
    assert "GRANT khala_dba TO" in said


def test_an_older_schema(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute("DROP FUNCTION khala.list_page_sessions, khala.create_page_link")
    for arguments in (("--list",), ("--url=http://127.0.0.1:9",)):
        status, _, said = khala_page(newest_database, *arguments)
        assert status == 2
        assert "Run `khala migrate` on it." in said


def test_the_error_names_the_option_for_the_address(newest_database: Database) -> None:
    status, _, said = khala_page(newest_database)
    assert status == 2
    assert "where the relay's HTTP address is Pass --url, set KHALA_HTTP_URL" in said
