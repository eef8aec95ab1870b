"""The API of codex workers: of the caller's organisation only, and every change an event."""

import asyncio
import logging
import subprocess
from typing import Any

import httpx
import psycopg
import pytest

from khala_pg.auth import api_keys
from khala_pg.sqlapi import admin
from khala_pg.workers.endpoints import OPERATE, READ
from khala_pg.workers.operations import WORKERS
from support.http.worker_api import WorkerApi, heartbeat_long_ago, worker_api
from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.programs.runs import KHALA
from support.relay.asking import bearer
from support.relay.relays import NOTES
from support.relay.relays import WORKERS as TOPIC
from support.relay.scraping import scrape
from support.trials.waiting import until


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def events(api: WorkerApi, worker: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.call("GET", f"/{worker}/events")).json()["events"]
    return found


async def test_a_worker_from_its_start_to_its_stop(database: Database) -> None:
    async with worker_api(database) as api:
        api.append(
            "w", "started", workspace="/src/app", adapter="codex", metadata={"model": "small"}
        )
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["status"], worker["heartbeat_state"]) == ("running", "missing")
        assert (worker["heartbeat_at"], worker["heartbeat_age_ms"]) == (None, None)
        assert (worker["workspace"], worker["adapter"]) == ("/src/app", "codex")
        assert worker["metadata"] == {"model": "small"}

        api.append("w", "heartbeat")
        api.append("w", "busy", task="issue 13")
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["activity"], worker["task"]) == ("busy", "issue 13")
        assert worker["heartbeat_state"] == "fresh"
        assert 0 <= worker["heartbeat_age_ms"] < 120_000
        assert (worker["latest_seq"], worker["projection_lag"]) == (3, 0)

        answer = await api.call("POST", "/w/requests", json={"method": "turn", "params": [1, None]})
        request = answer.json()["request"]
        assert (request["seq"], request["action"], request["requested_by"]) == (4, "request", "ann")
        answer = await api.call("POST", "/w/stop", json={"reason": "enough"})
        assert answer.json()["request"]["seq"] == 5
        assert (await api.call("GET", "/w")).json()["worker"]["status"] == "stopping"
        with database.connect("runtime") as connection:
            pending = connection.execute(
                "SELECT seq, action, request, reason FROM khala.codex_worker_requests('w')"
            ).fetchall()
            assert pending == [
                (4, "request", {"method": "turn", "params": [1, None]}, None),
                (5, "stop", None, "enough"),
            ]
            for seq, *_ in pending:
                connection.execute("SELECT khala.acknowledge_codex_worker_request('w', %s)", (seq,))
        # A worker that is to stop may still say what it does.
        api.append("w", "idle")
        assert (await api.call("GET", "/w")).json()["worker"]["status"] == "stopping"
        api.append("w", "stopped")
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["status"], worker["heartbeat_state"]) == ("stopped", "stopped")
        assert worker["stopped_at"] is not None
        for path, body in (("/w/stop", None), ("/w/requests", {})):
            assert error(await api.call("POST", path, json=body)) == (409, "conflict")
        assert [event["type"].removeprefix("worker.") for event in await events(api, "w")] == [
            *("started", "heartbeat", "busy", "requested", "stop_requested"),
            *("acknowledged", "acknowledged", "idle", "stopped"),
        ]


async def test_pages_and_filters(newest_database: Database) -> None:
    async with worker_api(newest_database) as api:
        for name in ("é/1", "b", "c", "a"):
            api.append(name, "started")
        api.append("c", "failed")
        api.append("other", "started", org="org-b")

        async def ids(**query: Any) -> tuple[list[str], str | None]:
            page = (await api.call("GET", params=query)).json()
            return [each["worker_id"] for each in page["workers"]], page.get("next_cursor")

        assert await ids() == (["a", "b", "c", "é/1"], None)
        assert await ids(limit=2) == (["a", "b"], "b")
        assert await ids(limit=2, cursor="b") == (["c", "é/1"], None)
        assert await ids(status="failed") == (["c"], None)
        assert await ids(status="running", limit=2, cursor="a") == (["b", "é/1"], None)
        assert (await api.call("GET", "/%C3%A9%2F1")).json()["worker"]["worker_id"] == "é/1"
        assert len(await events(api, "%C3%A9%2F1")) == 1
        for query in ({"status": "busy"}, {"limit": 0}, {"limit": "x"}, {"limit": 1001}):
            assert error(await api.call("GET", params=query)) == (422, "invalid_arguments")
        page = (await api.call("GET", "/c/events", params={"after": 1, "limit": 1})).json()
        assert [event["seq"] for event in page["events"]] == [2]
        assert (page["next_after"], page["latest_seq"]) == (2, 2)
        assert error(await api.call("GET", "/c/events", params={"after": "-1"}))[0] == 422


async def test_nobody_sees_or_stops_another_organisations_worker(
    newest_database: Database,
) -> None:
    async with worker_api(newest_database) as api:
        api.append("w", "started", org="org-b")
        with newest_database.connect() as connection:
            connection.execute("UPDATE runtime.sync_topics SET ownership = 'mixed'")
        api.append("public", "started", org=None)
        for worker in ("w", "public", "unknown"):
            for method, path in (
                ("GET", ""),
                ("GET", "/events"),
                ("POST", "/requests"),
                ("POST", "/stop"),
            ):
                content = b"{}" if method == "POST" else b""
                answer = await api.call(method, f"/{worker}{path}", content=content)
                assert error(answer) == (404, "not_found")
        assert (await api.call("GET")).json() == {"workers": []}
        assert len((await api.call("GET", "/w/events", org="org-b")).json()["events"]) == 1


async def test_credentials_and_their_scopes(newest_database: Database) -> None:
    async with worker_api(newest_database) as api:
        api.append("w", "started")

        async def statuses(headers: dict[str, str]) -> tuple[int, int]:
            read = await api.client.get(f"{WORKERS}/w", headers=headers)
            written = await api.client.post(f"{WORKERS}/w/requests", headers=headers, json={})
            return read.status_code, written.status_code

        def key(*scopes: str) -> dict[str, str]:
            made = api_keys.generate()
            with newest_database.connect("dba") as connection:
                admin.create_api_key(connection, made, "test", "shop", "org-a", scopes, None, None)
            return bearer(str(made))

        for make in (key, api.token):
            assert await statuses(make(OPERATE)) == (200, 200)
            assert await statuses(make(READ)) == (200, 403)
            assert await statuses(make(NOTES)) == (403, 403)
        assert await statuses({}) == (401, 401)
        assert await statuses(bearer("guess")) == (401, 401)
        revoked = api.token()
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.revoke('sub', 'ann')")

        async def is_refused() -> bool:
            return await statuses(revoked) == (401, 401)

        await until(is_refused, "the token is revoked")


async def test_a_write_with_an_idempotency_key_has_one_effect(newest_database: Database) -> None:
    async with worker_api(newest_database) as api:
        api.append("w", "started")
        keyed = {"Idempotency-Key": "key-1"}

        async def send(path: str = "/w/requests", **more: Any) -> httpx.Response:
            return await api.call("POST", path, headers=keyed, **more)

        answers = await asyncio.gather(*(send(json={"a": 1}) for _ in range(16)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert len(await events(api, "w")) == 2
        assert error(await send(json={"a": 2})) == (409, "conflict")
        assert error(await send("/w/stop")) == (409, "conflict")
        for bad in ("", "x" * 256):
            keyed["Idempotency-Key"] = bad
            assert error(await send(json={})) == (422, "invalid_arguments")
        # Stops are one without a key as well, and a key is remembered for whichever it was.
        keyed["Idempotency-Key"] = "key-2"
        stops = [await api.call("POST", "/w/stop"), await send("/w/stop")]
        assert stops[0].text == stops[1].text
        api.append("w", "stopped")
        assert (await send("/w/stop")).text == stops[0].text
        assert error(await api.call("POST", "/w/stop")) == (409, "conflict")
        assert len(await events(api, "w")) == 4


async def test_what_cannot_be_a_request(newest_database: Database) -> None:
    async with worker_api(newest_database) as api:
        api.append("w", "started")
        for path, content, expected in (
            ("/w/requests", b"", 422),
            ("/w/requests", b"[]", 422),
            ("/w/requests", b'{"a": 1e400}', 422),
            ("/w/requests", b'{"a": 9007199254740993}', 422),
            ("/w/requests", b'{"a": "\\u0000"}', 422),
            ("/w/requests", b'{"a": "\\ud800"}', 422),
            ("/w/requests", b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 422),
            ("/w/requests", b'{"a": "' + b"x" * 300_000 + b'"}', 413),
            ("/w/stop", b'{"reason": 1}', 422),
            ("/w/stop", b'{"reason": "' + b"x" * 501 + b'"}', 422),
            ("/w%00/stop", b"", 422),
        ):
            answer = await api.call("POST", path, content=content)
            assert answer.status_code == expected, (path, content[:40], answer.text)
        assert len(await events(api, "w")) == 1


async def test_a_stale_heartbeat_is_seen_by_everybody(newest_database: Database) -> None:
    heartbeat_long_ago(newest_database, "w")
    # By HTTP at once, although no event says so yet.
    async with worker_api(newest_database, slow_poll_interval_s=3600) as api:
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["status"], worker["heartbeat_state"]) == ("running", "stale")
        assert worker["heartbeat_age_ms"] >= 3_600_000
    # By those who follow the topic, by an event.
    async with worker_api(newest_database, slow_poll_interval_s=0.2) as api:
        async with api.running.joined() as peer:
            await peer.subscribe(TOPIC)

            async def state() -> Any:
                updates = (await peer.event("sync:update_batch"))["updates"]
                return updates[-1]["payload"]["heartbeat_state"]

            while await state() != "stale":
                pass
            api.append("w", "heartbeat")
            while await state() != "fresh":
                pass
        history = [event["type"] for event in await events(api, "w")]
        assert history[2:] == ["worker.stale", "worker.heartbeat"]


async def test_rates_logs_and_metrics(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="khala.workers")
    async with worker_api(newest_database, max_runtime_calls_per_minute=2, metrics_port=0) as api:
        api.append("w", "started")
        sent = {"X-Request-Id": "id-1"}
        answer = await api.call("POST", "/w/requests", json={"secret": "s3cret"}, headers=sent)
        assert answer.headers["X-Request-Id"] == "id-1"
        assert (await api.call("GET", "/none")).status_code == 404
        refused = await api.call("GET")
        assert error(refused) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        bob = api.token(subject="bob")
        assert (await api.client.get(WORKERS, headers=bob)).status_code == 200
        metrics = await scrape(api.running)
    [line] = [each for each in caplog.messages if "id-1" in each]
    assert "function=request_codex_worker code=ok status=200" in line
    assert "s3cret" not in caplog.text
    for function, code in (
        ("request_codex_worker", "ok"),
        ("get_codex_worker", "not_found"),
        ("unknown", "rate_limited"),
        ("list_codex_workers", "ok"),
    ):
        assert metrics.value("khala_runtime_calls_total", function=function, code=code) == 1


@pytest.mark.parametrize("winner", ["finish", "stop"])
def test_a_stop_and_the_end_come_one_after_the_other(database: Database, winner: str) -> None:
    finish = "SELECT khala.append_codex_worker_event('w', 'worker.stopped')"
    stop = "SELECT khala.stop_codex_worker('org-a', 'w', NULL, 'ann')"
    with sessions(database, 1, "runtime") as (writer,), sessions(database, 1, "relay") as (relay,):
        writer.run("SELECT khala.append_codex_worker_event('w', 'worker.started', '{}', 'org-a')")
        writer.commit()
        if winner == "finish":
            writer.run(finish)
            waiting = relay.start(stop)
            writer.commit()
            with pytest.raises(psycopg.Error) as caught:
                waiting.result()
            assert caught.value.sqlstate == "KH021"
        else:
            relay.run(stop)
            ending = writer.start(finish)
            relay.commit()
            ending.result()
            writer.commit()
    with database.connect() as connection:
        types = connection.execute(
            "SELECT array_agg(event_type ORDER BY seq) FROM runtime.codex_worker_events"
        ).fetchone()
        status = connection.execute(
            "SELECT payload ->> 'status' FROM runtime.sync_codex_worker_summaries"
        ).fetchone()
    requested = [] if winner == "finish" else ["worker.stop_requested"]
    assert types == (["worker.started", *requested, "worker.stopped"],)
    assert status == ("stopped",)


async def test_stops_at_the_same_time_are_one(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.append_codex_worker_event('w', 'worker.started', '{}', 'org-a')"
        )

    def stop(number: int) -> Any:
        with database.connect("relay") as connection:
            return connection.execute(
                "SELECT khala.stop_codex_worker('org-a', 'w', NULL, 'ann', %s)", (f"k{number}",)
            ).fetchone()

    answers = await asyncio.gather(*(asyncio.to_thread(stop, number) for number in range(8)))
    assert all(answer == answers[0] for answer in answers)
    with database.connect() as connection:
        assert connection.execute("SELECT latest_seq FROM runtime.codex_workers").fetchone() == (2,)


async def test_callers_at_the_same_time_mark_a_worker_once(database: Database) -> None:
    for number in range(20):
        heartbeat_long_ago(database, f"w{number}")

    def mark() -> int:
        with database.connect("relay") as connection:
            [(marked,)] = connection.execute("SELECT khala.mark_stale_workers()").fetchall()
            return int(marked)

    assert sum(await asyncio.gather(*(asyncio.to_thread(mark) for _ in range(8)))) == 20
    with database.connect() as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT id) FROM runtime.codex_worker_events"
            " WHERE event_type = 'worker.stale'"
        ).fetchone()
    assert found == (20, 20)


def test_documents_of_an_older_projection_are_brought_up(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.append_codex_worker_event('w', 'worker.busy', '{}', 'org-a')"
        )
        connection.execute("UPDATE runtime.projection_checkpoints SET projection_version = 1")
        connection.execute(
            "UPDATE runtime.sync_documents SET payload = payload - 'heartbeat_state'"
            " || '{\"status\": \"busy\"}' WHERE topic = 'runtime.codex_worker_summaries'"
        )
        done = subprocess.run(
            [KHALA, "reproject", "--all", "--database", database.runtime_dsn],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        found = connection.execute(
            "SELECT payload ->> 'status', payload ->> 'heartbeat_state', payload ->> 'activity'"
            " FROM runtime.sync_codex_worker_summaries"
        ).fetchone()
    assert found == ("running", "missing", "busy")
