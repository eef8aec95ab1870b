"""`POST /api/sync/token`: who gets a token, for what, and what everybody else is told."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
from starlette.requests import Request

from khala_pg.auth import api_keys
from khala_pg.auth.issuer import Identity, SessionExpiredError
from khala_pg.auth.jwks import JwksSettings
from khala_pg.auth.keys import Keyring
from khala_pg.sqlapi import admin
from support.http.tokens import verify_token
from support.postgres.databases import Database
from support.programs.runs import khala_text
from support.relay.asking import bearer, http
from support.relay.relays import (
    NOTES,
    NOTES_ENUM,
    RUNS,
    RunningRelay,
    ready_relay,
    running_relay,
    writer,
)

PATH = "/api/sync/token"


async def khala_key(database: Database, *arguments: str) -> tuple[int, str, str]:
    words = ("key", *arguments, f"--database={database.dba_dsn}")
    done = await asyncio.to_thread(khala_text, *words)
    return done.returncode, done.stdout.strip(), done.stderr


def make_key(
    database: Database,
    org: str | None = "org-a",
    *topics: str,
    subject: str | None = "shop",
    lifetime: str | None = None,
    tokens_per_minute: int | None = None,
) -> str:
    """An API key, made without the command: quicker."""
    key = api_keys.generate()
    scopes = topics or (NOTES, RUNS)
    with database.connect("dba") as connection:
        admin.create_api_key(
            connection, key, "test", subject, org, scopes, lifetime, tokens_per_minute
        )
    return str(key)


def issuing(database: Database, keyring: Keyring | None = None, **more: Any) -> Any:
    return running_relay(database, keyring, http_port=0, **more)


async def post(
    running: RunningRelay, credential: str | None, body: Any = None, path: str = PATH, **more: Any
) -> httpx.Response:
    headers = {} if credential is None else bearer(credential)
    async with http(running) as asking:
        return await asking.post(path, headers={**headers, **more}, json=body)


async def test_a_key_for_a_token_for_a_socket(database: Database) -> None:
    async with issuing(database) as running:
        await ready_relay(running)
        before = int(time.time())
        answer = await post(running, make_key(database))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "deprecation" not in answer.headers
        data = answer.json()["data"]
        claims = verify_token(data["token"], running.keyring)
        assert set(data) == {
            "token",
            "token_type",
            "expires_in",
            "issued_at",
            "expires_at",
            "issuer",
            "audience",
            "subject",
            "org_id",
            "claims_version",
            "scopes",
            "kid",
        }
        assert (data["token_type"], data["expires_in"]) == ("Bearer", 300)
        assert (data["subject"], data["org_id"]) == ("shop", "org-a")
        assert (data["issuer"], data["audience"]) == ("khala", "khala-sync")
        assert (data["claims_version"], data["kid"]) == (1, running.keyring.current)
        assert data["scopes"] == list(claims.scopes) == [NOTES, RUNS]
        issued = datetime.fromisoformat(data["issued_at"]).timestamp()
        assert issued == claims.issued_at
        assert before <= issued <= time.time()
        assert datetime.fromisoformat(data["expires_at"]).timestamp() == claims.expires_at
        async with running.joined(data["token"]) as peer:
            await peer.subscribe(NOTES)


async def test_scopes_and_life_can_be_narrowed(newest_database: Database) -> None:
    key = make_key(newest_database)
    async with issuing(newest_database) as running:
        await ready_relay(running)
        data = (await post(running, key, {"scopes": [RUNS], "expires_in": 60})).json()["data"]
        claims = verify_token(data["token"], running.keyring)
        assert (claims.scopes, data["scopes"]) == ((RUNS,), [RUNS])
        assert claims.expires_at - claims.issued_at == data["expires_in"] == 60
        for body, code in [
            ({"scopes": [RUNS, "no.such"]}, "invalid_scope"),
            ({"scopes": ["runtime.codex_worker_summaries"]}, "invalid_scope"),
            ({"scopes": []}, "invalid_scope"),
            ({"scopes": "x"}, "invalid_scope"),
            ({"scopes": [1]}, "invalid_scope"),
            ({"scopes": [f"{RUNS}/\0"]}, "invalid_scope"),
            ({"expires_in": 59}, "invalid_ttl"),
            ({"expires_in": 901}, "invalid_ttl"),
            ({"expires_in": True}, "invalid_ttl"),
            ({"expires_in": "60"}, "invalid_ttl"),
        ]:
            answer = await post(running, key, body)
            assert (answer.status_code, answer.json()["code"]) == (422, code), body
        excess = await post(running, key, {"scopes": [RUNS, "no.such"]})
        assert excess.json()["invalid_scopes"] == ["no.such"]


async def test_a_scope_is_either_name_of_a_topic(newest_database: Database) -> None:
    async with issuing(newest_database) as running:
        await ready_relay(running)
        for allowed, requested, subscribed in [
            (NOTES, NOTES_ENUM, NOTES),
            (NOTES_ENUM, NOTES, NOTES_ENUM),
        ]:
            key = make_key(newest_database, "org-a", allowed)
            data = (await post(running, key, {"scopes": [requested]})).json()["data"]
            assert data["scopes"] == [requested]
            async with running.joined(data["token"]) as peer:
                await peer.subscribe(subscribed)


async def test_a_key_for_a_part_of_a_topic(newest_database: Database) -> None:
    """Made on the command line; its tokens are for that part, or for less of it."""
    async with issuing(newest_database) as running:
        await ready_relay(running)
        options = ("--org", "acme", "--topic", f"{NOTES}/customer/4/")
        status, key, _ = await khala_key(newest_database, "create", "customer 4", *options)
        assert status == 0
        whole = (await post(running, key, {})).json()["data"]
        assert whole["scopes"] == [f"{NOTES}/customer/4/"]
        less = [f"{NOTES_ENUM}/customer/4/order/"]
        narrow = (await post(running, key, {"scopes": less})).json()["data"]
        assert narrow["scopes"] == less
        for more in (NOTES, f"{NOTES}/customer/4", f"{NOTES}/customer/42/", f"{RUNS}/customer/4/"):
            refused = await post(running, key, {"scopes": [more]})
            assert refused.json()["invalid_scopes"] == [more]
        async with writer(newest_database) as write, running.joined(whole["token"]) as peer:
            await peer.subscribe(NOTES)
            for name in ("customer/42/order/1", "customer/4/order/1", "customer/4/note"):
                await write.sink(name, org="acme")
            updates, _ = await peer.updates_until(3)
            assert [each["doc_key"] for each in updates] == [
                "customer/4/order/1",
                "customer/4/note",
            ]


async def test_a_token_that_no_relay_takes_is_not_issued(newest_database: Database) -> None:
    topics = [f"orders.of_a_customer_{number}" for number in range(600)]
    with newest_database.connect("dba") as connection:
        for topic in topics:
            admin.register_topic(connection, topic)
    key = make_key(newest_database, "org-a", *topics)
    async with issuing(newest_database) as running:
        await ready_relay(running)
        answer = await post(running, key)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_scope")
        assert "16384" in answer.json()["message"]
        answer = await post(running, key, {"scopes": topics[:300]})
        async with running.joined(answer.json()["data"]["token"]) as peer:
            await peer.subscribe(topics[0])


async def test_the_old_path_says_that_it_is_old(newest_database: Database) -> None:
    async with issuing(newest_database) as running:
        await ready_relay(running)
        old = "/api/convex/token"
        answer = await post(running, make_key(newest_database), path=old)
        assert answer.status_code == 200
        assert answer.headers["deprecation"].startswith("@")
        assert PATH in answer.headers["link"]
        refused = await post(running, None, path=old)
        assert (refused.status_code, "deprecation" in refused.headers) == (401, True)


async def test_keys_that_are_no_good(newest_database: Database) -> None:
    good = make_key(newest_database)
    expired = make_key(newest_database, lifetime="1 hour")
    revoked = make_key(newest_database)
    with newest_database.connect() as connection:
        connection.execute(
            "UPDATE runtime.api_keys SET expires_at = now() WHERE expires_at IS NOT NULL"
        )
        connection.execute("SELECT khala.revoke_api_key(%s)", (revoked.split("_")[1],))
    async with issuing(newest_database) as running:
        await ready_relay(running)
        token = running.token()
        for credential in (None, expired, revoked, good[:-1] + "~", good + "x", "x", token):
            answer = await post(running, credential)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (await post(running, good)).status_code == 200


async def test_no_signing_key_and_no_database(newest_database: Database) -> None:
    key = make_key(newest_database)
    elsewhere = Keyring("", "a", "", {}, jwks=(JwksSettings("i", file="/nowhere/jwks.json"),))
    async with issuing(newest_database, elsewhere) as running:
        answer = await post(running, key)
        assert (answer.status_code, answer.json()["code"]) == (503, "sync_token_unavailable")
    gone = replace(newest_database, name="no_such_database")
    async with issuing(gone, database_timeout_s=0.5) as running:
        answer = await post(running, key)
        assert (answer.status_code, answer.json()["code"]) == (503, "sync_token_unavailable")
        assert answer.headers["retry-after"] == "2"


async def test_bodies_that_are_none(newest_database: Database) -> None:
    key = make_key(newest_database)
    async with issuing(newest_database) as running, http(running) as asking:
        await ready_relay(running)
        for body, status in [
            (b"", 200),
            (b"{}", 200),
            (b"[]", 400),
            (b"{", 400),
            (b"[" * 10_000, 400),
            (b"\xff", 400),
            (b" " * 20_000, 413),
        ]:
            answer = await asking.post(PATH, headers=bearer(key), content=body)
            assert answer.status_code == status, body[:10]
        assert (await asking.get(PATH, headers=bearer(key))).status_code == 405


async def test_limits(newest_database: Database) -> None:
    key = make_key(newest_database, subject=None, tokens_per_minute=3)
    other = make_key(newest_database)
    limits: dict[str, Any] = {
        "max_tokens_per_minute": 3,
        "authenticate_session": by_cookie,
    }
    async with issuing(newest_database, **limits) as running:
        await ready_relay(running)
        # A key has its own number, whoever its tokens are for.
        subs = [{"sub": f"user-{n}"} for n in range(4)]
        assert [(await post(running, key, sub)).status_code for sub in subs] == [200] * 3 + [429]
        refused = await post(running, key)
        assert refused.json()["code"] == "rate_limited"
        assert 0 < refused.json()["retry_after_ms"] <= 20_000
        assert int(refused.headers["retry-after"]) <= 20
        # Another key is not concerned, and has enough for a service that signs in many.
        assert {(await post(running, other)).status_code for _ in range(100)} == {200}
        # A session's subject has that of the relay; guessing is limited by address.
        statuses = [(await post(running, None, Cookie="session=ann")).status_code for _ in "1234"]
        assert statuses == [200] * 3 + [429]
        statuses = [(await post(running, f"khala_00000000_{'x' * 43}")).status_code for _ in "1234"]
        assert statuses == [401] * 3 + [429]


async def test_pages_of_other_origins_get_none(newest_database: Database) -> None:
    key = make_key(newest_database)
    async with issuing(newest_database, origins=("https://app.example",)) as running:
        await ready_relay(running)
        good = await post(running, key, Origin="https://app.example")
        assert good.status_code == 200
        assert good.headers["access-control-allow-origin"] == "https://app.example"
        bad = await post(running, key, Origin="https://evil.example")
        assert (bad.status_code, bad.json()["code"]) == (403, "forbidden_origin")
        assert "access-control-allow-origin" not in bad.headers


async def test_a_service_signs_in_users_of_whom_one_is_revoked(newest_database: Database) -> None:
    key = make_key(newest_database, None, subject=None)
    async with issuing(newest_database) as running:
        await ready_relay(running)

        async def token_for(sub: str, org: str) -> str:
            data = (await post(running, key, {"sub": sub, "org": org})).json()["data"]
            assert (data["subject"], data["org_id"]) == (sub, org)
            return str(data["token"])

        ann, bob = await token_for("ann", "org-a"), await token_for("bob", "org-b")
        async with running.joined(ann) as hers, running.joined(bob) as his:
            await hers.subscribe(NOTES)
            await his.subscribe(NOTES)
            words = ("revoke", "--sub=ann", f"--database={newest_database.dba_dsn}")
            assert (await asyncio.to_thread(khala_text, *words)).returncode == 0
            assert (await hers.closed())[0] == 4401
            await his.ask("sync:heartbeat", {})


async def test_whom_a_key_is_for_is_decided_by_the_database(newest_database: Database) -> None:
    fixed, free = make_key(newest_database), make_key(newest_database, None, subject=None)
    async with issuing(newest_database, authenticate_session=by_cookie) as running:
        await ready_relay(running)
        for key, body in [
            (fixed, {"sub": "ann"}),
            (fixed, {"org": "org-b"}),
            (free, {}),
            (free, {"sub": "x" * 401, "org": "org-a"}),
            (free, {"org": ""}),
            (free, {"org": 1}),
            (free, {"org": "org\0a"}),
        ]:
            answer = await post(running, key, body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_identity"), body
        assert "org-b" in (await post(running, fixed, {"org": "org-b"})).json()["message"]
        good = await post(running, fixed, {"sub": "shop", "org": "org-a"})
        assert good.status_code == 200
        session = await post(running, None, {"sub": "bob"}, Cookie="session=ann")
        assert (session.status_code, session.json()["code"]) == (422, "invalid_identity")
        own = await post(running, None, {"sub": "ann", "org": "org-a"}, Cookie="session=ann")
        assert own.status_code == 200


async def test_errors_have_the_form_that_existing_clients_read(newest_database: Database) -> None:
    async with issuing(newest_database) as running:
        await ready_relay(running)
        refused = (await post(running, None)).json()
        assert refused["error"] == {"code": refused["code"], "message": refused["message"]}
        assert refused["code"] == "unauthorized"


SESSIONS = {
    "ann": Identity("ann", "org-a", (NOTES,)),
    "old": None,
}


async def by_cookie(request: Request) -> Identity | None:
    """What a host application plugs in."""
    name = request.cookies.get("session", "")
    if name == "crash":
        raise RuntimeError("the application's own fault")
    if name == "old":
        raise SessionExpiredError
    return SESSIONS.get(name)


async def test_sessions_of_the_host_application(newest_database: Database) -> None:
    async with issuing(newest_database, authenticate_session=by_cookie) as running:
        await ready_relay(running)
        answer = await post(running, None, Cookie="session=ann")
        assert answer.json()["data"]["subject"] == "ann"
        for cookie, status in [("old", 401), ("nobody", 401), ("crash", 503)]:
            refused = await post(running, None, Cookie=f"session={cookie}")
            assert refused.status_code == status
            assert "fault" not in refused.text
        assert "expired" in (await post(running, None, Cookie="session=old")).text


async def test_keys_on_the_command_line(newest_database: Database) -> None:
    code, key, _ = await khala_key(
        newest_database, "create", "web shop", "--org=org-a", f"--topic={NOTES}"
    )
    assert code == 0
    key_id = key.split("_")[1]
    with newest_database.connect() as connection:
        everything = connection.execute("SELECT k::text FROM runtime.api_keys AS k").fetchall()
    assert key.split("_", 2)[2] not in str(everything)
    code, listed, _ = await khala_key(newest_database, "list", "--json")
    row = json.loads(listed)
    assert (row["key_id"], row["label"], row["subject"]) == (key_id, "web shop", None)
    assert (row["org_id"], row["tokens_per_minute"]) == ("org-a", 6000)
    assert "web shop" in (await khala_key(newest_database, "list"))[1]
    async with issuing(newest_database) as running:
        await ready_relay(running)
        data = (await post(running, key)).json()["data"]
        assert data["subject"] == f"key:{key_id}"
        assert (await khala_key(newest_database, "revoke", key_id))[0] == 0
        assert (await post(running, key)).status_code == 401
    assert "no key" in (await khala_key(newest_database, "revoke", "unknown1"))[2]
    refused = await khala_key(newest_database, "create", "x", "--org=o", "--topic=no.such")
    assert refused[0] != 0
    assert "no.such" in refused[2]
    for whose in ([], ["--org=o", "--any-org"]):
        refused = await khala_key(newest_database, "create", "x", f"--topic={NOTES}", *whose)
        assert (refused[0], "--any-org" in refused[2]) == (2, True)
    options = ["--any-org", "--subject=all", "--tokens-per-minute=20000", f"--topic={NOTES}"]
    code, key, _ = await khala_key(newest_database, "create", "backend", *options)
    assert code == 0
    listed = (await khala_key(newest_database, "list", "--json"))[1].splitlines()[-1]
    row = json.loads(listed)
    assert (row["subject"], row["org_id"], row["tokens_per_minute"]) == ("all", None, 20000)
