"""`khala publish --to webhook`: events that their receiver can verify, in order, each version."""

import asyncio
import base64
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from khala_pg.relay.http_server import HttpServer
from support.postgres.databases import Database
from support.programs.publishing import RUNS, once, publishing, rows, write
from support.programs.runs import KHALA, environment
from support.trials.waiting import until

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes too").decode()
VARIABLES = {"KHALA_PUBLISH_WEBHOOK_SECRET": SECRET}


@dataclass
class Receiver:
    """What receives events, verifies each, and answers what `answer` says."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Response] = lambda event: Response(status_code=204)

    async def receive(self, request: Request) -> Response:
        event = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        response = self.answer(event)
        self.ids.append(request.headers["webhook-id"])
        if response.status_code < 300:
            self.events.append(event)
        return response

    def versions(self) -> dict[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for event in self.events:
            found[event["data"]["doc_key"]].append(event["data"]["doc_version"])
        return dict(found)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        receiver.url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        server = HttpServer(
            uvicorn.Config(
                app, lifespan="off", log_config=None, access_log=False, timeout_keep_alive=600
            )
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            await until(lambda: server.started, "the receiver serves")
            try:
                yield receiver
            finally:
                server.should_exit = True


async def test_each_version_in_order_and_tombstones(newest_database: Database) -> None:
    async with receiving() as receiver:
        to = ["--to", "webhook", "--url", receiver.url, "--topic", RUNS]
        write(newest_database, "first", 1)
        async with publishing(newest_database.dsn, *to, variables=VARIABLES):
            await until(lambda: receiver.versions() == {"first": [1]}, "the current documents")
            for version in range(1, 20):
                write(newest_database, "a", version)
                write(newest_database, "b", version)
            with newest_database.connect() as connection:
                connection.execute("SELECT khala.sink_delete(%s, 'b', 20, 'acme')", (RUNS,))
            await until(lambda: len(receiver.events) == 40, "all versions are there")
        assert receiver.versions() == {
            "first": [1],
            "a": list(range(1, 20)),
            "b": list(range(1, 21)),
        }
        last = receiver.events[-1] if receiver.events[-1]["data"]["deleted"] else None
        deleted = last or next(each for each in receiver.events if each["data"]["deleted"])
        assert deleted["type"] == "document.deleted"
        assert deleted["data"]["payload"] is None
        updated = receiver.events[0]
        assert updated["type"] == "document.updated"
        assert updated["data"]["payload"] == {"latest_seq": 1}
        assert updated["data"]["org_id"] == "acme"
        assert len(set(receiver.ids)) == 40


async def test_without_a_secret_nothing_is_stored(newest_database: Database) -> None:
    to = ["--to", "webhook", "--url", "http://127.0.0.1:1/hook", "--topic", RUNS]
    refused = await once(newest_database.dsn, *to, variables={})
    assert refused.status == 2
    assert "KHALA_PUBLISH_WEBHOOK_SECRET" in refused.stderr
    assert rows(newest_database) == []


async def test_paused_is_said(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            "SELECT khala.set_publisher('held', 'webhook', 'http://127.0.0.1:1', TRUE)"
        )
        connection.execute("SELECT khala.set_publisher_topic('held', %s)", (RUNS,))
    process = await asyncio.create_subprocess_exec(
        KHALA,
        "publish",
        "held",
        "--once",
        env={**environment(newest_database.dsn), **VARIABLES},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert "khala publishers resume held" in said.decode()


async def test_responses(newest_database: Database) -> None:
    tries: defaultdict[str, int] = defaultdict(int)

    def answer(event: dict[str, Any]) -> Response:
        key = event["data"]["doc_key"]
        tries[key] += 1
        match key:
            case "gone":
                return Response(status_code=410)
            case "bad":
                return Response("no such thing", status_code=400)
            case "busy" if tries[key] == 1:
                return Response(status_code=429, headers={"Retry-After": "1"})
            case "down" if tries[key] <= 2:
                return Response(status_code=503)
        return Response(status_code=200)

    async with receiving() as receiver:
        receiver.answer = answer
        to = ["--to", "webhook", "--url", receiver.url, "--topic", RUNS]
        for key in ("gone", "bad", "busy", "down", "good"):
            write(newest_database, key, 1)
        done = await once(newest_database.dsn, *to, "--wait", "60", variables=VARIABLES)
        assert done.status == 1, done
        assert done.result == {
            "publisher": "webhook",
            "delivered": 3,
            "failed": 3,
            "refused": 2,
            "left": 0,
            "set_aside": 2,
        }
        assert tries == {"gone": 1, "bad": 1, "busy": 2, "down": 3, "good": 1}
        # A repeated event is known by its identifier.
        assert len(receiver.ids) == 8
        assert len(set(receiver.ids)) == 5
        with newest_database.connect() as connection:
            reasons = dict(
                connection.execute("SELECT doc_key, reason FROM khala.list_set_aside()").fetchall()
            )
        assert reasons == {"gone": "HTTP 410", "bad": "HTTP 400: no such thing"}
        assert rows(newest_database)[0]["last_error"]


async def test_a_login_of_a_publisher_is_enough_for_a_known_one(newest_database: Database) -> None:
    async with receiving() as receiver:
        to = ["--to", "webhook", "--url", receiver.url, "--topic", RUNS]
        dsn = newest_database.dsn_as("publisher")
        write(newest_database, "a", 1)
        refused = await once(dsn, *to, variables=VARIABLES)
        assert refused.status == 2, refused
        assert "not a member of khala_dba" in refused.stderr
        assert (await once(newest_database.dsn, *to, variables=VARIABLES)).status == 0
        write(newest_database, "a", 2)
        assert (await once(dsn, *to, variables=VARIABLES)).status == 0
        assert receiver.versions() == {"a": [1, 2]}


async def test_missing_settings_are_explained(newest_database: Database) -> None:
    for arguments, variables, said in (
        (["--to", "webhook", "--url", "http://x"], VARIABLES, "Pass --topic"),
        (["--to", "webhook", "--url", "x", "--topic", RUNS], VARIABLES, "Use http:// or https://"),
        (["--to", "webhook", "--url", "http://x", "--topic", RUNS], {}, "whsec_"),
        (["nothing"], VARIABLES, "there is no publisher 'nothing'"),
        ([], VARIABLES, "no publisher is named"),
        (["--to", "convex", "--url", "http://x"], {}, "KHALA_PUBLISH_ADMIN_KEY"),
    ):
        done = await once(newest_database.dsn, *arguments, variables=variables)
        # 1: the database refuses it.
        assert done.status == (1 if "https" in said else 2), done
        assert said in done.stderr, done
        assert "Traceback" not in done.stderr


def test_the_event_is_json() -> None:
    from khala_pg.publish.webhook import event
    from khala_pg.sqlapi.publish import Update

    update = Update("t", "é", 1, 2, False, None, "x", 0, "2026-01-01T00:00:00Z", "msg_1", None)
    assert json.loads(event(update))["data"]["hydration_required"] is True
