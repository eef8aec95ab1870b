"""Both lanes deliver the same documents and hashes, whatever is written, replayed or live."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from websockets.asyncio.client import ClientConnection, connect

from khala_pg.auth import keyring as keys
from khala_pg.auth.keys import Keyring
from khala_pg.canonical import canonical_bytes
from khala_pg.client import binary, wire
from khala_pg.client.documents import Update
from khala_pg.postgres.server import PostgresServer
from khala_pg.proto_gen.openagents.sync.v1.update_pb2 import UpdateBatch
from support.postgres.databases import Database, Template, cloned
from support.relay.client_relay import RelayUnderTest, relay_process, running_relay, sink

RUNS, RUNS_ENUM = "runtime.run_summaries", "SYNC_TOPIC_RUNTIME_RUN_SUMMARIES"
ENCODINGS = ("json", "protobuf")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
writes = st.lists(
    st.tuples(
        st.sampled_from(["a", 'b"\\', "ключ/\U0001f600"]),
        st.none() | st.dictionaries(texts, values, max_size=4),
        st.sampled_from([None, "org-a", "org-b"]),
    ),
    max_size=6,
)


class Reader:
    """One socket of one lane: every update it was given, and how far that covers the topic."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.updates: list[Update] = []
        self.messages: list[str | bytes] = []
        self.covered = -1

    async def subscribe(self, topic: str, after: int) -> None:
        await self._send("1", "phx_join", {})
        request = {"topics": [topic], "resume_after": {topic: after}, "replay_batch_size": 2}
        await self._send("2", "sync:subscribe", request)

    async def _send(self, ref: str, event: str, payload: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(["1", ref, "sync:v1", event, payload]))

    async def read_to(self, watermark: int) -> None:
        async with asyncio.timeout(30):
            while self.covered < watermark:
                self._take(await self._socket.recv())

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            frame = binary.frame(message)
            assert (frame.join_ref, frame.event) == ("1", "sync:update_batch")
            assert frame.data is not None
            # The bytes are what every protobuf library writes for this batch.
            assert UpdateBatch.FromString(frame.data).SerializeToString() == frame.data
            batch = binary.batch(frame.data)
        else:
            frame = wire.frame(message)
            assert frame.event != "sync:error", frame.payload
            assert frame.payload.get("status") != "error", frame.payload
            if frame.event == "sync:heartbeat":
                for covered in wire.watermarks(frame.payload["watermarks"], "").values():
                    self.covered = covered
            if frame.event != "sync:update_batch":
                return
            batch = wire.batch(frame.payload)
        self.messages.append(message)
        self.updates += batch.updates
        [(_, self.covered)] = batch.covered.items()


def same(text: list[Update], binary_lane: list[Update]) -> None:
    """The same updates; the bytes of one are the canonical text of the other, and hash to it."""
    assert len(text) == len(binary_lane)
    for left, right in zip(text, binary_lane, strict=True):
        assert astuple(left)[:7] == astuple(right)[:7]
        assert (left.payload is None) == (right.payload_bytes is None)
        if left.payload is not None and right.payload_bytes is not None:
            assert canonical_bytes(left.payload) == right.payload_bytes
            assert hashlib.sha256(right.payload_bytes).digest() == left.payload_hash


class Written:
    """A database that documents are written to, and a relay on it, for many examples."""

    def __init__(self, database: Database, relay: RelayUnderTest) -> None:
        self._connection = database.connect()
        self.relay = relay
        self._version = 0

    def write(self, some: list[tuple[str, dict[str, Any] | None, str | None]]) -> int:
        """Write documents; the head of the topic."""
        for doc_key, payload, org_id in some:
            self._version += 1
            if payload is None:
                query = "SELECT khala.sink_delete(%s, %s, %s, %s)"
                self._connection.execute(query, (RUNS, doc_key, self._version, org_id))
            else:
                query = "SELECT khala.sink(%s, %s, %s, %s, %s)"
                self._connection.execute(
                    query, (RUNS, doc_key, self._version, Jsonb(payload), org_id)
                )
        head = self._connection.execute(
            "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s", (RUNS,)
        ).fetchone()
        assert head is not None
        return int(head[0])

    async def follow(
        self, topic: str, before: list[Any], after: list[Any]
    ) -> tuple[Reader, Reader]:
        """Replay `before`, then get `after` live, on both lanes at once."""
        start = self.write([])
        token = self.relay.token()
        urls = [f"{self.relay.ws}?vsn=2.0.0&encoding={name}&token={token}" for name in ENCODINGS]
        async with connect(urls[0], proxy=None) as text, connect(urls[1], proxy=None) as data:
            readers = Reader(text), Reader(data)
            middle = self.write(before)
            for reader in readers:
                await reader.subscribe(topic, start)
            for reader in readers:
                await reader.read_to(middle)
            head = self.write(after)
            for reader in readers:
                await reader.read_to(head)
        return readers

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def written(
    newest_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Written]:
    with cloned(template_of(newest_server)) as database:
        ring: Keyring = keys.generate()
        directory = tmp_path_factory.mktemp("lanes")
        with relay_process(database.relay_dsn, ring, directory, heartbeat_interval_s=0.1) as (
            relay,
            _,
        ):
            asyncio.run(_ready(relay))
            made = Written(database, relay)
            yield made
            made.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([RUNS, RUNS_ENUM]), writes, writes)
@example(RUNS, [("a", {"n": 5e-324, "é": [1e21, -0.0]}, "org-a")], [("a", {}, "org-b")])
@example(RUNS, [("a", {}, None)], [("a", {"x": "y" * 70_000}, "org-a"), ("a", None, "org-a")])
def test_both_lanes_deliver_the_same(
    written: Written, topic: str, before: list[Any], after: list[Any]
) -> None:
    text, data = asyncio.run(written.follow(topic, before, after))
    same(text.updates, data.updates)
    assert all(isinstance(message, str) for message in text.messages)
    assert all(isinstance(message, bytes) for message in data.messages)


async def test_one_live_frame_serves_an_organisation_on_each_lane(database: Database) -> None:
    async with running_relay(database.relay_dsn) as relay:
        await _ready(relay)
        token = relay.token()
        url = f"{relay.ws}?vsn=2.0.0&encoding=protobuf&token={token}"
        async with connect(url, proxy=None) as one, connect(url, proxy=None) as other:
            readers = [Reader(one), Reader(other)]
            for reader in readers:
                await reader.subscribe(RUNS, 0)
                await reader.read_to(0)
            sink(database, "k", 1, {"n": 1})
            for reader in readers:
                await reader.read_to(1)
            assert readers[0].messages[-1] == readers[1].messages[-1]
            [update] = readers[0].updates
            assert (update.payload_bytes, update.doc_key) == (b'{"n":1}', "k")


async def test_pointers_and_numbers_beyond_a_double(database: Database) -> None:
    sink(database, "large", 2**62, {"text": "x" * 300 * 1024})
    with database.connect() as connection:
        for table, column in (
            ("sync_stream_events", "watermark"),
            ("sync_topic_sequences", "head_watermark"),
            ("sync_topic_retention", "retention_floor"),
        ):
            connection.execute(
                f"UPDATE runtime.{table} SET {column} = {column} + (1::bigint << 60)"
                f" WHERE topic = '{RUNS}'"
            )
    async with running_relay(database.relay_dsn) as relay:
        await _ready(relay)
        url = f"{relay.ws}?vsn=2.0.0&encoding=protobuf&token={relay.token()}"
        async with connect(url, proxy=None) as socket:
            reader = Reader(socket)
            await reader.subscribe(RUNS, 2**60)
            await reader.read_to(2**60 + 1)
    [update] = reader.updates
    assert (update.hydration_required, update.payload) == (True, None)
    assert (update.doc_version, update.watermark) == (2**62, 2**60 + 1)


async def test_everything_else_stays_text_and_clients_send_text(database: Database) -> None:
    async with running_relay(database.relay_dsn) as relay:
        await _ready(relay)
        url = f"{relay.ws}?vsn=2.0.0&encoding=protobuf&token={relay.token()}"
        async with connect(url, proxy=None) as socket:
            await socket.send(b"\x00\x00\x00\x00\x00")
            told = json.loads(await socket.recv())
    assert (told[3], told[4]["code"]) == ("sync:error", "bad_frame")


async def _ready(relay: RelayUnderTest) -> None:
    """A join is answered once the database is reached."""
    url = f"{relay.ws}?vsn=2.0.0&token={relay.token()}"
    async with asyncio.timeout(20), connect(url, proxy=None) as socket:
        while True:
            await socket.send('["1","1","sync:v1","phx_join",{}]')
            if json.loads(await socket.recv())[4]["status"] == "ok":
                return
            await asyncio.sleep(0.02)
