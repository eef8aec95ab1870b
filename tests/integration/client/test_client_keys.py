"""Every key that the server takes, in snapshots and behind pointers; and documents that cannot be
fetched, which hold up no other.

typescript/khala-client/test/keys.test.ts is the same story.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from khala_pg.client import Endpoint, ForbiddenTopicError, KhalaClient, SqliteStore
from khala_pg.client.errors import RequestRefusedError
from support.postgres.databases import Database
from support.relay.client_relay import (
    NOTES,
    ORG,
    RUNS,
    SOON,
    RelayUnderTest,
    contents,
    running_relay,
    sink,
)
from support.trials.waiting import until

ODD = [
    *(".", "..", "...", "./a", "../../healthz", "a/..", "/", "//", "a//b", "%2e", "%2e%2e", "%2F"),
    *("%", "%%", "%zz", "?", "#", "a?b=c&d", "&", "=", "+", " ", " a ", "a b", ";", "\\", "..\\a"),
    *("\n", "\r\n", "\t", "\x01", "\x7f", "\u2028", "é", "e\u0301", "日本", "\U0001f701", "\uffff"),
    *('"', "'", "<a>", "{}", "[]", "null", "-", "key", "a" * 512, "\U0001f701" * 512),
]
# Postgres has neither NUL nor surrogates in a text.
KEYS = st.sets(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
    )
    | st.text("./%2eEF\\?# +", min_size=1, max_size=12),
    max_size=40,
)


def sink_all(database: Database, keys: Iterable[str], version: int) -> None:
    batch = [
        {"doc_key": key, "doc_version": version, "payload": {"k": key, "v": version}, "org_id": ORG}
        for key in keys
    ]
    with database.connect("runtime") as connection:
        connection.execute("SELECT khala.sink_batch(%s, %s)", (RUNS, json.dumps(batch)))


def make_pointers(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE runtime.sync_topics SET payload_mode = 'pointer'")


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(KEYS)
def test_every_key_comes_by_a_snapshot_and_behind_a_pointer(
    database: Database, drawn: set[str]
) -> None:
    keys = {*ODD, *drawn}
    make_pointers(database)
    with database.connect() as connection:
        start = connection.execute(
            "SELECT coalesce(max(doc_version), 0) FROM runtime.sync_documents"
        )
        (version,) = start.fetchone() or (0,)

    async def follow() -> None:
        sink_all(database, keys, version + 1)
        async with (
            running_relay(database.relay_dsn) as relay,
            KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
        ):
            await client.caught_up()
            expected = {key: {"k": key, "v": version + 1} for key in keys}
            assert expected.items() <= contents(client).items()
            sink_all(database, keys, version + 2)
            expected = {key: {"k": key, "v": version + 2} for key in keys}
            await until(
                lambda: expected.items() <= contents(client).items(), "the pointers are followed"
            )
            assert client.status.error is None

    asyncio.run(follow())


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        *((each, ForbiddenTopicError) for each in ("..", "no.such", " ", "\U0001f701")),
        # A slash is what a scope has, before a prefix.
        ("a/b", RequestRefusedError),
    ],
)
async def test_a_topic_that_is_none_is_refused(
    newest_database: Database, topic: str, expected: type[Exception]
) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [topic], backoff=SOON) as client,
    ):
        with pytest.raises(expected):
            await client.caught_up()


class Proxy:
    """HTTP to the relay, but for one document, as long as it is broken."""

    def __init__(self, relay: RelayUnderTest, status: int) -> None:
        self.endpoint_of = relay
        self.status = status
        self.is_broken = True
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        if self.is_broken and parse_qs(urlsplit(path).query).get("doc_key") == ["bad"]:
            body = f"HTTP/1.1 {self.status} No\r\nContent-Length: 8\r\n\r\nnot here"
            writer.write(body.encode())
        else:
            at = urlsplit(self.endpoint_of.http)
            upstream, to = await asyncio.open_connection(at.hostname, at.port)
            to.write(head.replace(b"Connection: keep-alive", b"Connection: close"))
            writer.write(await upstream.read())
            to.close()
        await writer.drain()
        writer.close()

    def endpoint(self) -> Endpoint:
        return Endpoint(self.endpoint_of.ws, self.endpoint_of.token(), self.url)


@asynccontextmanager
async def proxy(relay: RelayUnderTest, status: int) -> AsyncIterator[Proxy]:
    running = Proxy(relay, status)
    async with await asyncio.start_server(running.serve, "127.0.0.1", 0) as server:
        running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield running


@pytest.mark.parametrize("status", [404, 410, 413, 500, 502])
async def test_a_document_that_cannot_be_fetched_holds_up_no_other(
    newest_database: Database, tmp_path: Path, status: int
) -> None:
    make_pointers(newest_database)
    path = tmp_path / "state"

    async with running_relay(newest_database.relay_dsn) as relay, proxy(relay, status) as between:

        def client(path: Path) -> KhalaClient:
            return KhalaClient(
                between.endpoint, [RUNS, NOTES], store=SqliteStore(path), backoff=SOON
            )

        async with client(path) as following:
            await following.caught_up()
            # Large enough to be a pointer in a snapshot too.
            for key in ("a", "bad", "c"):
                sink(newest_database, key, 1, {"fill": "x" * 300 * 1024 if key == "bad" else ""})
            await until(lambda: following.documents(RUNS).keys() == {"a", "c"}, "the others come")
            await until(lambda: following.status.error is not None, "it is reported")
            await until(
                lambda: following.status.topics[RUNS].watermark == 1, "the watermark stays below it"
            )
            assert following.status.live
            sink(newest_database, "n", 1, {}, topic=NOTES)
            await until(lambda: "n" in following.documents(NOTES), "the other topic goes on")
        store = SqliteStore(path)
        stored = await store.load([RUNS])
        await store.close()
        # What is saved may be ahead of the watermark, and never the other way round.
        assert [cursor.watermark for cursor in stored.cursors] == [1]

        # The next start, by a snapshot or by the stored state, is held up by it as little.
        for at in (tmp_path / "new", path):
            between.is_broken = True
            async with client(at) as following:
                await following.caught_up()
                assert following.documents(RUNS).keys() == {"a", "c"}
                assert following.status.topics[RUNS].watermark == 1
                between.is_broken = False
                await until(lambda: "bad" in following.documents(RUNS), "it is fetched again")
                await until(
                    lambda: following.status.topics[RUNS].watermark == 3, "the watermark moves on"
                )
