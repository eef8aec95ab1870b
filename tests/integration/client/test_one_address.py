"""One address: the socket's port answers what a client reads over HTTP as the HTTP port does."""

import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from khala_pg.client import Endpoint, KhalaClient
from khala_pg.errors import UsageError
from support.postgres.databases import Database
from support.relay.asking import bearer, ready_at
from support.relay.client_relay import NOTES, RUNS, SOON, contents, running_relay, sink
from support.trials.waiting import until

# Of one connection, or of the moment.
OWN_HEADERS = {"connection", "date", "transfer-encoding", "content-length"}


def at_socket_port(ws: str) -> str:
    return f"http://{urlsplit(ws).netloc}"


async def test_both_ports_give_the_same_responses(newest_database: Database) -> None:
    for key in ("a", "b/../c", "ü?&%"):
        sink(newest_database, key, 1, {"n": 1})
    sink(newest_database, "theirs", 1, {}, org="org-b")
    async with (
        running_relay(newest_database.relay_dsn, origins=("https://app.example",)) as relay,
        httpx.AsyncClient(trust_env=False) as asking,
    ):
        await ready_at(relay.http)
        good, narrow = bearer(relay.token()), bearer(relay.token(scopes=[NOTES]))
        page = {"Origin": "https://app.example"}
        preflight = {
            **page,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        found = await asking.get(f"{relay.http}/api/sync/documents/{RUNS}/a", headers=good)
        requests: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
            ("GET", "snapshot", {"topic": RUNS}, good),
            ("GET", "snapshot", {"topic": RUNS, "limit": "2"}, good | page),
            ("GET", f"snapshot/{RUNS}", {"after_doc_key": "a"}, good),
            ("GET", "documents", {"topic": RUNS, "doc_key": "b/../c"}, good),
            ("GET", "documents", {"topic": RUNS, "doc_key": "ü?&%"}, good),
            ("GET", "documents", {"topic": RUNS, "doc_key": "theirs"}, good),
            ("GET", f"documents/{RUNS}/a", {}, good | {"If-None-Match": found.headers["etag"]}),
            ("GET", "flags", {}, good),
            ("HEAD", "flags", {}, good),
            ("POST", "flags", {}, good),
            ("OPTIONS", "snapshot", {"topic": RUNS}, {}),
            ("OPTIONS", "snapshot", {"topic": RUNS}, preflight),
            ("OPTIONS", "snapshot", {"topic": RUNS}, preflight | {"Origin": "https://b.example"}),
            ("GET", "snapshot", {"topic": RUNS}, {}),
            ("GET", "snapshot", {"topic": RUNS}, narrow),
            ("GET", "snapshot", {"topic": RUNS, "limit": "none"}, good),
            ("GET", "snapshot", {}, good),
        ]
        statuses = set()
        for method, path, query, headers in requests:
            one, other = [
                await asking.request(
                    method, f"{base}/api/sync/{path}", params=query, headers=headers
                )
                for base in (relay.http, at_socket_port(relay.ws))
            ]
            assert (one.status_code, one.content) == (other.status_code, other.content)
            kept = [
                {name: each.headers[name] for name in each.headers if name not in OWN_HEADERS}
                for each in (one, other)
            ]
            assert kept[0] == kept[1], (method, path)
            assert other.headers["connection"] == "close"
            statuses.add(one.status_code)
        assert statuses == {200, 204, 304, 400, 401, 403, 404, 405}
        # And nothing else.
        for path in ("token", "flagship", "snapshots"):
            answer = await asking.get(f"{at_socket_port(relay.ws)}/api/sync/{path}", headers=good)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("has_http", [True, False])
async def test_a_client_with_one_address(newest_database: Database, has_http: bool) -> None:
    more = {} if has_http else {"http_port": None}
    for n in range(5):
        sink(newest_database, f"d{n}", 1, {"n": n})
    wide = "x" * 300_000
    async with running_relay(newest_database.relay_dsn, max_snapshot_documents=2, **more) as relay:
        endpoint = Endpoint(relay.ws, relay.token())
        async with KhalaClient(lambda: endpoint, [RUNS], backoff=SOON) as client:
            await client.caught_up()
            assert contents(client) == {f"d{n}": {"n": n} for n in range(5)}
            # Too large for the socket: it is fetched.
            sink(newest_database, "wide", 1, {"wide": wide})
            await until(lambda: contents(client).get("wide") == {"wide": wide}, "it is fetched")


async def test_a_response_may_be_read_slowly_and_a_request_may_not_come_slowly(
    newest_database: Database,
) -> None:
    for n in range(40):
        sink(newest_database, f"d{n}", 1, {"text": "x" * 200_000})
    async with running_relay(
        newest_database.relay_dsn, open_timeout_s=1.0, max_snapshot_bytes=32 * 1024 * 1024
    ) as relay:
        await ready_at(relay.http)
        at = urlsplit(relay.ws)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (at.hostname, at.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=16 * 1024)
        line = f"GET /api/sync/snapshot?topic={RUNS} HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{line}Authorization: Bearer {relay.token()}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        assert length > 8_000_000
        # Slower than a request may be, which is what is tested.
        await asyncio.sleep(2.0)
        async with asyncio.timeout(30):
            assert len(await reader.read(-1)) == length
        writer.close()

        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        writer.write(line.encode())
        async with asyncio.timeout(30):
            assert await reader.read(-1) == b""
        writer.close()


def test_where_an_endpoint_reads() -> None:
    for url, expected in {
        "ws://127.0.0.1:4000/socket/websocket": "http://127.0.0.1:4000",
        "wss://sync.example/sync/websocket?x=1": "https://sync.example",
        "wss://example:8443/live/socket/websocket": "https://example:8443/live",
    }.items():
        assert Endpoint(url, "t").http_url == expected
    assert Endpoint("ws://h", "t", "http://other").http_url == "http://other"
    for url in ("http://h/socket/websocket", "h:4000", "ws:///socket/websocket"):
        with pytest.raises(UsageError, match="not an address of the form ws://host:port"):
            Endpoint(url, "t")
    with pytest.raises(UsageError, match="not an address of the form http://host:port"):
        Endpoint("ws://h", "t", "ws://h")
