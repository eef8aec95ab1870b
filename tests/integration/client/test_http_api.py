"""The HTTP side as any client meets it: tokens, scopes, pages, caching, CORS, no database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg_pool
import pytest
import uvicorn

from khala_pg.auth import keyring as keys
from khala_pg.auth.claims import Claims
from khala_pg.http.app import create_app
from khala_pg.relay.settings import RelaySettings
from support.http.tokens import verify_token
from support.postgres.databases import Database
from support.relay.client_relay import NOTES, ORG, RUNS, TOPICS, sink

KEYRING = keys.generate()
ORIGIN = "https://app.example"


def bearer(**claims: Any) -> dict[str, str]:
    given = {"org_id": ORG, "scopes": TOPICS, **claims}
    return {"Authorization": f"Bearer {keys.sign_token(KEYRING, **given)}"}


async def verify(token: str) -> Claims:
    return verify_token(token, KEYRING)


async def ready() -> str | None:
    return None


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        return


@asynccontextmanager
async def serving(dsn: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a socket, with a pool of its own."""
    async with psycopg_pool.AsyncConnectionPool(
        dsn, min_size=1, max_size=2, timeout=1, kwargs={"autocommit": True}, open=False
    ) as pool:
        app = create_app(
            pool.connection,
            verify,
            ready,
            RelaySettings(dsn, host="0.0.0.0", origins=(ORIGIN,), **settings),
        )
        server = _Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        config = server.config
        config.load()
        sock = config.bind_socket()
        running = asyncio.create_task(server.serve([sock]))
        port = sock.getsockname()[1]
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False
            ) as http:
                yield http
        finally:
            server.should_exit = True
            await running


async def test_pages_and_documents(database: Database) -> None:
    for n in range(5):
        sink(database, f"d{n}", 1, {"n": n})
    async with serving(database.relay_dsn) as http:
        url = f"/api/sync/snapshot/{RUNS}"
        first = (await http.get(url, params={"limit": 3}, headers=bearer())).json()
        assert [d["doc_key"] for d in first["documents"]] == ["d0", "d1", "d2"]
        assert (first["complete"], first["next_doc_key"], first["watermark"]) == (False, "d2", 5)
        sink(database, "d9", 1, {"n": 9})
        after = {"after_doc_key": "d2", "watermark": first["watermark"]}
        rest = (await http.get(url, params=after, headers=bearer())).json()
        assert [d["doc_key"] for d in rest["documents"]] == ["d3", "d4", "d9"]
        assert (rest["complete"], rest["next_doc_key"], rest["watermark"]) == (True, None, 5)

        in_path = await http.get(f"/api/sync/documents/{RUNS}/d1", headers=bearer())
        found = await http.get(
            "/api/sync/documents", params={"topic": RUNS, "doc_key": "d1"}, headers=bearer()
        )
        assert in_path.content == found.content
        pages = [
            await http.get(path, params=params, headers=bearer())
            for path, params in ((url, {}), ("/api/sync/snapshot", {"topic": RUNS}))
        ]
        assert pages[0].content == pages[1].content
        assert found.headers["content-type"] == "application/json"
        assert found.headers["cache-control"] == "no-store"
        assert found.json()["payload"] == {"n": 1}
        again = await http.get(
            f"/api/sync/documents/{RUNS}/d1",
            headers={**bearer(), "If-None-Match": found.headers["etag"]},
        )
        assert (again.status_code, again.content) == (304, b"")
        sink(database, "d1", 2, {"n": 2})
        changed = await http.get(
            f"/api/sync/documents/{RUNS}/d1",
            headers={**bearer(), "If-None-Match": found.headers["etag"]},
        )
        assert changed.json()["doc_version"] == 2


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthorized"),
        ({"Authorization": "Basic abc"}, 401, "unauthorized"),
        ({"Authorization": "Bearer nonsense"}, 401, "unauthorized"),
        (bearer(ttl_s=-100), 401, "unauthorized"),
        (bearer(scopes=[NOTES]), 403, "forbidden_topic"),
    ],
)
async def test_who_is_refused(
    newest_database: Database, headers: dict[str, str], status: int, code: str
) -> None:
    sink(newest_database, "d", 1, {})
    async with serving(newest_database.relay_dsn) as http:
        for url in (f"/api/sync/snapshot/{RUNS}", f"/api/sync/documents/{RUNS}/d"):
            answer = await http.get(url, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.json()["message"]


async def test_topics_unknown_and_out_of_scope_look_alike(newest_database: Database) -> None:
    async with serving(newest_database.relay_dsn) as http:
        answers = [
            (await http.get(f"/api/sync/snapshot/{topic}", headers=bearer(scopes=[NOTES])))
            for topic in (RUNS, "no.such")
        ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert [answer.text.replace(RUNS, "?").replace("no.such", "?") for answer in answers] == [
        answers[0].text.replace(RUNS, "?")
    ] * 2


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        (f"/api/sync/documents/{RUNS}/absent", 404, "not_found"),
        (f"/api/sync/documents/{RUNS}/theirs", 404, "not_found"),
        (f"/api/sync/documents/{RUNS}/deleted", 404, "not_found"),
        (f"/api/sync/documents/{RUNS}/%00", 400, "bad_subscription"),
        (f"/api/sync/documents?topic={RUNS}&doc_key=%00", 400, "bad_subscription"),
        (f"/api/sync/documents?topic={RUNS}&doc_key=absent", 404, "not_found"),
        (f"/api/sync/documents?topic={RUNS}", 400, "bad_subscription"),
        ("/api/sync/documents", 400, "bad_subscription"),
        ("/api/sync/snapshot", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?limit=0", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?limit=many", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?watermark=-1", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?watermark=99999999999999999999", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?watermark={2**63}", 400, "bad_subscription"),
        (f"/api/sync/snapshot/{RUNS}?limit={2**63 - 1}&watermark=0", 200, ""),
        (f"/api/sync/snapshot/{RUNS}?watermark=1000", 409, "stale_cursor"),
        (f"/api/sync/snapshot/{RUNS}?after_doc_key=%00", 400, "bad_subscription"),
        ("/api/sync/snapshot/%00", 400, "bad_subscription"),
        ("/api/sync/elsewhere", 404, "not_found"),
    ],
)
async def test_bad_requests(newest_database: Database, url: str, status: int, code: str) -> None:
    sink(newest_database, "theirs", 1, {}, org="org-b")
    sink(newest_database, "deleted", 1, {})
    sink(newest_database, "deleted", 2, None)
    async with serving(newest_database.relay_dsn) as http:
        answer = await http.get(url, headers=bearer())
        assert (answer.status_code, answer.json().get("code", "")) == (status, code)
        posted = await http.post(url, headers=bearer())
        assert posted.status_code in (404, 405)


async def test_browsers_of_known_origins_may_ask(newest_database: Database) -> None:
    asking = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with serving(newest_database.relay_dsn) as http:
        url = f"/api/sync/snapshot/{RUNS}"
        good = await http.options(url, headers={"Origin": ORIGIN, **asking})
        assert good.headers["access-control-allow-origin"] == ORIGIN
        bad = await http.options(url, headers={"Origin": "https://evil.example", **asking})
        assert "access-control-allow-origin" not in bad.headers
        answer = await http.get(url, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, ORIGIN)


async def test_an_absent_database(own_database: Database) -> None:
    sink(own_database, "d", 1, {})
    async with serving(own_database.relay_dsn, retry_after_s=1.5) as http:
        url = f"/api/sync/documents/{RUNS}/d"
        assert (await http.get(url, headers=bearer())).status_code == 200
        await asyncio.to_thread(own_database.server.stop, "immediate")
        for _ in range(3):
            answer = await http.get(url, headers=bearer(), timeout=20)
            assert (answer.status_code, answer.json()["code"]) == (503, "internal")
            assert answer.json()["retry_after_ms"] == 1500
            assert answer.headers["retry-after"] == "2"
        assert (await http.get("/healthz")).text == "ok\n"


@pytest.mark.parametrize("path", [f"snapshot/{RUNS}", f"documents/{RUNS}/d"])
async def test_a_question_begins_the_epoch_that_is_missing(
    newest_database: Database, path: str
) -> None:
    sink(newest_database, "d", 1, {"n": 1})
    async with serving(newest_database.relay_dsn) as http:
        assert (await http.get(f"/api/sync/{path}", headers=bearer())).status_code == 200
        with newest_database.connect() as connection:
            # As after a restore: the epoch table's file is another one.
            connection.execute("VACUUM FULL runtime.sync_epochs")
            epoch = connection.execute("SELECT khala.current_epoch()").fetchone()
            assert epoch == (None,)
        found = await http.get(f"/api/sync/{path}", headers=bearer())
        assert found.status_code == 200, found.text
        # A cursor that is really stale is refused as before.
        ahead = await http.get(
            f"/api/sync/snapshot/{RUNS}", params={"watermark": 99}, headers=bearer()
        )
        assert ahead.status_code == 409
