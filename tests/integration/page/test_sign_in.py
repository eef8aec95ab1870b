"""Sign-in of the admin page: links, sessions and their tokens."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from khala_pg.auth.jwks import JwksSettings
from khala_pg.auth.keys import Keyring
from khala_pg.sqlapi import page_sessions
from support.http.certificates import make_certificate
from support.http.page_api import PageApi, page_api
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import RUNS
from support.trials.waiting import until


async def status_of_session(api: PageApi) -> int:
    return (await api.session()).status_code


async def test_a_link_opens_a_session_once(database: Database) -> None:
    async with page_api(database) as api:
        assert await status_of_session(api) == 401
        code = api.link()
        response = await api.post("sign-in", {"code": code})
        assert response.status_code == 200
        session = response.json()
        assert session["organisations"] is None
        assert {RUNS, "khala.admin", "khala.admin.all"} <= set(session["scopes"])
        assert session["ws"] == api.running.addresses.ws
        [cookie] = response.headers.get_list("set-cookie")
        assert cookie.startswith("khala_page=")
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/api/page"))
        assert "Secure" not in cookie
        assert (await api.session()).json() == session
        async with http(api.running) as other:
            again = await other.post("/api/page/sign-in", json={"code": code})
            assert (again.status_code, again.json()["error"]["code"]) == (401, "unauthorized")
            assert (await other.get("/api/page/session")).status_code == 401
        assert await status_of_session(api) == 200


async def test_of_two_with_one_link_one_gets_a_session(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        code = api.link()
        found = await asyncio.gather(*(api.post("sign-in", {"code": code}) for _ in range(8)))
        assert sorted(each.status_code for each in found) == [200, *[401] * 7]


async def test_a_session_ends(database: Database) -> None:
    async with page_api(database) as api:
        await api.sign_in()
        token = await api.token()
        assert (await api.read("topics", token)).status_code == 200
        response = await api.post("sign-out")
        assert response.status_code == 204
        assert "khala_page" not in api.client.cookies
        assert await status_of_session(api) == 401

        async def is_refused() -> bool:
            return (await api.read("topics", token)).status_code == 401

        await until(is_refused, "its token is revoked")
        assert (await api.post("sign-out")).status_code == 204

        await api.sign_in()
        with database.connect("dba") as connection:
            [session] = page_sessions.sessions(connection)
            assert session.signed_in_at is not None
            assert page_sessions.end(connection, session.session_id) == 1
        assert await status_of_session(api) == 401


async def test_links_and_sessions_expire(database: Database) -> None:
    async with page_api(database) as api:
        code = api.link()
        await api.sign_in()
        with database.connect() as connection:
            connection.execute("UPDATE runtime.page_sessions SET expires_at = now()")
        assert await status_of_session(api) == 401
        assert (await api.post("token", {"org_id": None})).status_code == 401
        assert (await api.post("sign-in", {"code": code})).status_code == 401


async def test_a_session_for_organisations(database: Database) -> None:
    async with page_api(database) as api:
        session = await api.sign_in("acme", "beta")
        assert (session["organisations"], session["organisation"]) == (["acme", "beta"], "acme")
        assert "khala.admin.all" not in session["scopes"]
        response = await api.post("token", {"org_id": "beta"})
        assert (response.status_code, response.json()["org_id"]) == (200, "beta")
        assert response.json()["scopes"] == session["scopes"]
        for other in ("gamma", "", None):
            response = await api.post("token", {"org_id": other})
            assert response.status_code == 403
            assert response.json()["error"]["code"] == "forbidden_organisation"


async def test_its_token_opens_sockets_and_ends_with_it(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        await api.sign_in()
        token = (await api.token("acme"))["Authorization"].removeprefix("Bearer ")
        async with api.running.joined(token) as peer:
            assert (await peer.subscribe(RUNS))["topics"] == [RUNS]
            with newest_database.connect("dba") as connection:
                page_sessions.end(connection, None)
            code, _ = await peer.closed()
            assert code == 4401


async def test_its_person_has_the_flags_of_the_person(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        await api.sign_in(person="ann")
        ann = await api.token("acme")
        await api.sign_in(person="bob")
        bob = await api.token("acme")
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.set_flag('web', 'khala', 0, '{ann}')")
        lanes = [
            (await api.client.get("/api/sync/flags", headers=headers)).json()["flags"]["web"]
            for headers in (ann, bob)
        ]
        assert lanes == ["khala", "legacy"]


async def test_the_end_of_a_session_leaves_the_persons_others(database: Database) -> None:
    async with page_api(database) as api:
        await api.sign_in(person="ann")
        kept = await api.token("acme")
        await api.sign_in(person="ann")
        ended = await api.token("acme")
        await api.post("sign-out")

        async def is_refused() -> bool:
            return (await api.read("topics", ended)).status_code == 401

        await until(is_refused, "its token is revoked")
        assert (await api.read("topics", kept)).status_code == 200


async def test_a_token_for_all_is_for_reads_alone(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        await api.sign_in()
        response = await api.post("token", {"org_id": None})
        assert response.json()["org_id"] is None
        assert response.json()["scopes"] == ["khala.admin", "khala.admin.all"]
        headers = bearer(response.json()["token"])
        asked = await api.client.get("/api/sync/snapshot", params={"topic": RUNS}, headers=headers)
        assert asked.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=str,
)
async def test_pages_of_other_origins_get_nothing(
    newest_database: Database, headers: dict[str, str]
) -> None:
    async with page_api(newest_database, origins=("*",)) as api:
        await api.sign_in()
        refused = [
            await api.session(**headers),
            await api.post("token", {"org_id": None}, **headers),
            await api.post("sign-out", **headers),
            await api.post("sign-in", {"code": api.link()}, **headers),
        ]
        assert [each.status_code for each in refused] == [403] * 4
        assert "access-control-allow-credentials" not in refused[0].headers
        assert await status_of_session(api) == 200
        own = str(api.client.base_url).rstrip("/")
        assert (await api.session(Origin=own)).status_code == 200
        assert (await api.session(**{"Sec-Fetch-Site": "same-origin"})).status_code == 200


async def test_who_guesses_has_to_wait(newest_database: Database) -> None:
    async with page_api(newest_database, max_tokens_per_minute=5) as api:
        code = api.link()
        statuses = [(await api.post("sign-in", {"code": "guess"})).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        response = await api.post("sign-in", {"code": code})
        assert (response.status_code, "retry-after" in response.headers) == (429, True)


@pytest.mark.parametrize("code", ["", "x" * 201, "a\x00b", 5, None])
async def test_what_is_no_code(newest_database: Database, code: Any) -> None:
    async with page_api(newest_database) as api:
        assert (await api.post("sign-in", {"code": code})).status_code == 422


async def test_a_relay_without_a_signing_key(
    newest_database: Database, elsewhere: Callable[[], Keyring]
) -> None:
    async with page_api(newest_database, keyring=elsewhere()) as api:
        code = api.link()
        response = await api.post("sign-in", {"code": code})
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "sync_token_unavailable"
        assert (await api.session()).json()["error"]["code"] == "sync_token_unavailable"
        with newest_database.connect("dba") as connection:
            [session] = page_sessions.sessions(connection)
        assert session.signed_in_at is None


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[], Keyring]:
    """A keyring whose tokens come from another issuer."""
    key_set = JwksSettings("https://issuer.example", file=str(tmp_path / "jwks.json"))
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    return lambda: Keyring("", "khala-sync", "", {}, jwks=(key_set,))


async def test_behind_tls_the_cookie_is_secure(newest_database: Database, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    files = {"tls_certificate": certificate.certificate, "tls_key": certificate.key}
    async with (
        page_api(newest_database, **files) as api,
        http(api.running, verify=certificate.trusting()) as client,
    ):
        response = await client.post("/api/page/sign-in", json={"code": api.link()})
        assert "Secure" in response.headers["set-cookie"]
        assert response.json()["ws"] == api.running.addresses.ws


async def test_behind_a_proxy(newest_database: Database) -> None:
    url = "wss://sync.example/socket/websocket"
    more = {"trusted_proxies": ("127.0.0.1",), "page_ws_url": url}
    async with page_api(newest_database, **more) as api:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
        response = await api.post("sign-in", {"code": api.link()}, **forwarded)
        assert "Secure" in response.headers["set-cookie"]
        assert response.json()["ws"] == url


async def test_no_log_and_no_table_has_a_secret(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    # The client of this test has a log, too.
    with caplog.at_level(logging.DEBUG, logger="khala"):
        async with page_api(newest_database) as api:
            code = api.link()
            response = await api.post("sign-in", {"code": code})
            cookie = response.cookies["khala_page"]
            await api.session()
            token = (await api.token())["Authorization"].split()[1]
            await api.post("sign-in", {"code": "wrong-code"})
    for secret in (code, cookie, token, "wrong-code"):
        assert secret not in caplog.text
    with newest_database.connect() as connection:
        rows = connection.execute("SELECT s::text FROM runtime.page_sessions AS s").fetchall()
    assert cookie not in str(rows)
