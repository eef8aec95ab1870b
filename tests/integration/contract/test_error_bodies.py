"""Every refusal over HTTP, of a socket that wants to open as well, is a SyncError of the proto."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from khala_pg.proto_gen.openagents.sync.v1 import error_pb2
from support.postgres.databases import Database
from support.relay.client_relay import RUNS, RelayUnderTest, running_relay, sink
from support.trials.waiting import until
from support.wire.proto_reader import Reader, wire_names

CODES = set(wire_names(error_pb2.SyncErrorCode).values())
SOCKET_HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader()


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[tuple[RelayUnderTest, httpx.AsyncClient]]:
    async with (
        running_relay(database.relay_dsn) as relay,
        httpx.AsyncClient(trust_env=False) as http,
    ):

        async def ready() -> bool:
            return (await http.get(f"{relay.http}/readyz")).status_code == httpx.codes.OK

        await until(ready, "the relay is ready")
        yield relay, http


async def test_opening_a_socket(newest_database: Database, read: Reader) -> None:
    async with served(newest_database) as (relay, http):
        token = relay.token()
        base = relay.ws.replace("ws://", "http://")
        good = f"{base}?vsn=2.0.0&token={token}"
        asked = [
            (f"{base}?vsn=2.0.0", {}, 403, "unauthorized"),
            (f"{base}?vsn=2.0.0&token=nonsense", {}, 403, "unauthorized"),
            (f"{base}?token={token}", {}, 403, "unsupported_version"),
            (f"{base}?vsn=1.0.0&token={token}", {}, 403, "unsupported_version"),
            (f"{good}&encoding=xml", {}, 403, "unsupported_encoding"),
            (f"{good}&vsn=1.0.0", {}, 400, "bad_frame"),
            (base.replace("/socket/", "/nothing/"), {}, 404, "not_found"),
            (good, {"Origin": "https://elsewhere.example"}, 403, "forbidden_origin"),
        ]
        for url, headers, status, code in asked:
            answer = await http.get(url, headers=SOCKET_HEADERS | headers)
            error = read("SyncError", answer.text)
            assert (answer.status_code, error.code) == (status, code), url
            assert error.message
            assert error.code in CODES


async def test_snapshots_and_documents(newest_database: Database, read: Reader) -> None:
    database = newest_database
    for version in range(3):
        sink(database, "k", version, {"n": version})
    with database.connect("dba") as connection:
        connection.execute("SELECT khala.retain(p_horizon => '0')")
    async with served(database) as (relay, http):
        token = relay.token()
        narrow = relay.token(scopes=["runtime.notifications"])
        snapshot = f"{relay.http}/api/sync/snapshot"
        asked = [
            (f"{snapshot}/{RUNS}", "", 401, "unauthorized"),
            (f"{snapshot}/{RUNS}", "nonsense", 401, "unauthorized"),
            (f"{snapshot}/{RUNS}", narrow, 403, "forbidden_topic"),
            (f"{snapshot}/no.such", token, 403, "forbidden_topic"),
            (f"{snapshot}/{RUNS}?limit=0", token, 400, "bad_subscription"),
            (f"{snapshot}/{RUNS}?watermark=1", token, 409, "stale_cursor"),
            (f"{snapshot}/{RUNS}?watermark=99", token, 409, "stale_cursor"),
            (f"{relay.http}/api/sync/documents/{RUNS}/none", token, 404, "not_found"),
        ]
        for url, bearer, status, code in asked:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            answer = await http.get(url, headers=headers)
            error = read("SyncError", answer.text)
            assert (answer.status_code, error.code) == (status, code), url
            assert error.message
            assert error.code in CODES
            assert error.full_resync_required == (code == "stale_cursor")
            assert bool(error.stale_topics) == (code == "stale_cursor")
        good = {"Authorization": f"Bearer {token}"}
        read("SnapshotPage", (await http.get(f"{snapshot}/{RUNS}", headers=good)).text)
        document = await http.get(f"{relay.http}/api/sync/documents/{RUNS}/k", headers=good)
        assert read("Update", document.text).doc_key == "k"
