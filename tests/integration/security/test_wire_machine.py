"""Any order of requests, writes, purges and losses, against a live relay and a model of it.

The model knows the journal and the rule of who sees what; a client knows what it was told. After
every step the answer must be the one that the model gives, and at the end of every example each
subscriber must have been given exactly the rows that are its own, in order.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    rule,
    run_state_machine_as_test,
)
from websockets.sync.client import ClientConnection, connect

from support.postgres.databases import Database
from support.relay.relays import CHANNEL, RunningRelay, ready_relay, running_relay
from support.trials.fuzzing import fuzz
from support.wire.rawsocket import CLOSE, frame

# The relay's thread draws its jitter from the global generator while a strategy is at work.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")

ORGS = ("org-a", "org-b", "org-c")
_numbers = itertools.count(1)
_PATIENCE_S = 20.0


def phoenix_push(join_ref: str, event: str, data: bytes) -> bytes:
    """A push as Phoenix's serializer writes it in binary."""
    texts = [text.encode() for text in (join_ref, "1", CHANNEL, event)]
    return bytes([0, *map(len, texts)]) + b"".join(texts) + data


BINARY_MESSAGES = st.binary(max_size=300) | st.builds(
    phoenix_push,
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(
        ["phx_join", "phx_leave", "sync:subscribe", "sync:unsubscribe", "sync:refresh"]
    ),
    st.binary(max_size=50) | st.just(b"{}"),
)
FRAMES = st.builds(
    lambda opcode, data, fin, rsv1: frame(opcode, data, fin=fin, rsv1=rsv1),
    st.integers(0, 15),
    st.binary(max_size=200),
    st.booleans(),
    st.booleans(),
)


@dataclass(frozen=True)
class Row:
    """A row of the journal."""

    watermark: int
    key: str
    owner: str | None
    moved: bool
    """Whether a living document left `previous` with this row."""
    previous: str | None

    def reaches(self, org: str) -> bool:
        return self.owner in (None, org) or (self.moved and self.previous in (None, org))


@dataclass
class Topic:
    """The model of a topic."""

    name: str
    rows: list[Row] = field(default_factory=list)
    owners: dict[str, str | None] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    floor: int = 1

    @property
    def head(self) -> int:
        return len(self.rows)

    def refuses(self, cursor: int) -> str | None:
        if cursor > self.head:
            return "cursor_ahead"
        return "below_floor" if cursor + 1 < self.floor else None

    def visible(self, org: str, after: int, until: int) -> list[Row]:
        return [row for row in self.rows[after:until] if row.reaches(org)]


@dataclass
class Subscription:
    """What a client was given of one topic on one connection."""

    start: int
    covered: int
    given: list[int] = field(default_factory=list)


class Client:
    """One socket, and the model's idea of its state."""

    def __init__(self, relay: RunningRelay, org: str, topics: tuple[str, ...]) -> None:
        self.relay = relay
        self.org = org
        self.scopes = topics
        self.joined = False
        self.join_ref: str | None = None
        self.subscribed: dict[str, Subscription] = {}
        self.pushed_errors: list[dict[str, Any]] = []
        self._refs = itertools.count(1)
        self._stack = contextlib.ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(
            connect(relay.url(self.token(topics)), compression=None)
        )

    def token(self, scopes: tuple[str, ...], org: str | None = None) -> str:
        return self.relay.token(org or self.org, scopes, subject="s")

    def ask(self, event: str, payload: Any, topic: str = CHANNEL) -> dict[str, Any]:
        """Sends a request, takes what comes before its reply, and returns the reply."""
        ref = str(next(self._refs))
        if event == "phx_join":
            self.join_ref = ref
        self.socket.send(json.dumps([self.join_ref, ref, topic, event, payload]))
        while True:
            frame = json.loads(self.socket.recv(timeout=_PATIENCE_S))
            if frame[3] == "phx_reply" and frame[1] == ref:
                return dict(frame[4])
            self.take(frame)

    def take(self, frame: list[Any]) -> None:
        match frame[3]:
            case "sync:update_batch":
                self._apply(frame[4])
            case "sync:error":
                self.pushed_errors.append(frame[4])
            case event:
                assert event in ("sync:heartbeat", "phx_close"), frame

    def _apply(self, batch: dict[str, Any]) -> None:
        [covered] = batch["covered_watermarks"]
        # Nothing comes of a topic that was ended or never begun.
        subscription = self.subscribed[covered["topic"]]
        for update in batch["updates"]:
            assert update["topic"] == covered["topic"]
            assert subscription.covered < update["watermark"] <= covered["watermark"]
            assert not subscription.given or subscription.given[-1] < update["watermark"]
            if "payload" in update:
                assert update["payload"]["owner"] in (None, self.org)
            subscription.given.append(update["watermark"])
        assert covered["watermark"] >= subscription.covered
        subscription.covered = covered["watermark"]

    def heartbeat(self) -> None:
        reply = self.ask("sync:heartbeat", {})
        assert reply["status"] == "ok", reply
        told = {each["topic"]: each["watermark"] for each in reply["response"]["watermarks"]}
        assert set(told) == set(self.subscribed)
        for topic, watermark in told.items():
            assert watermark >= self.subscribed[topic].covered
            self.subscribed[topic].covered = watermark

    def check(self, topics: dict[str, Topic]) -> None:
        """What was given is what the model says, row by row."""
        for name, subscription in self.subscribed.items():
            rows = topics[name].visible(self.org, subscription.start, subscription.covered)
            assert subscription.given == [row.watermark for row in rows]

    def close(self) -> None:
        self._stack.close()


class Wire(RuleBasedStateMachine):
    """The machine; `relay` and `database` are set by the test."""

    relay: RunningRelay
    database: psycopg.Connection[Any]
    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        self.topics = {name: Topic(name) for name in (f"fuzz.a{number}", f"fuzz.b{number}")}
        self.names = tuple(self.topics)
        self.versions = itertools.count(1)
        self.open: list[Client] = []
        for name in self.names:
            self.database.execute(
                "SELECT khala.register_topic(%s, p_ownership => 'mixed')", (name,)
            )

    def teardown(self) -> None:
        try:
            for client in self.open:
                self._settle(client)
        finally:
            for client in self.open:
                client.close()

    def _settle(self, client: Client) -> None:
        """Heartbeats until the client has been given everything there is."""
        latest = time.monotonic() + _PATIENCE_S
        while any(s.covered != self.topics[t].head for t, s in client.subscribed.items()):
            assert time.monotonic() < latest, f"not given everything: {client.subscribed}"
            client.heartbeat()
        client.check(self.topics)

    @initialize(target=clients, org=st.sampled_from(ORGS))
    def first(self, org: str) -> Client:
        client = self.connect(org, 2)
        self.join(client)
        for topic in range(2):
            self.subscribe(client, topic, 0)
        return client

    @rule(target=clients, org=st.sampled_from(ORGS), scopes=st.integers(0, 2))
    def connect_again(self, org: str, scopes: int) -> Client:
        return self.connect(org, scopes)

    def connect(self, org: str, scopes: int) -> Client:
        client = Client(self.relay, org, self.names[:scopes])
        self.open.append(client)
        return client

    @rule(client=consumes(clients))
    def disconnect(self, client: Client) -> None:
        self.open.remove(client)
        client.close()

    @rule(
        topic=st.integers(0, 1),
        key=st.sampled_from("abc"),
        owner=st.none() | st.sampled_from(ORGS),
        deleted=st.booleans(),
    )
    def write(self, topic: int, key: str, owner: str | None, deleted: bool) -> None:
        model = self.topics[self.names[topic]]
        payload = json.dumps({"owner": owner})
        if deleted and key in model.owners:
            query = "SELECT watermark FROM khala.sink_delete(%s, %s, %s, %s)"
            row = self.database.execute(query, (model.name, key, next(self.versions), owner))
        else:
            deleted = False
            query = "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb, %s)"
            values = (model.name, key, next(self.versions), payload, owner)
            row = self.database.execute(query, values)
        found = row.fetchone()
        assert found == (model.head + 1,)
        previous = model.owners.get(key)
        if deleted:
            # A tombstone goes to whoever could see the document, whatever owner is named.
            owner = previous
        moved = key in model.alive and owner != previous
        model.rows.append(Row(model.head + 1, key, owner, moved, previous))
        model.owners[key] = owner
        (model.alive.discard if deleted else model.alive.add)(key)

    @rule(topic=st.integers(0, 1))
    def purge(self, topic: int) -> None:
        for client in self.open:
            self._settle(client)
        model = self.topics[self.names[topic]]
        self.database.execute(
            "SELECT * FROM khala.retain(%s, now() + '1 second', '0 seconds')", (model.name,)
        )
        model.floor = model.head + 1

    @rule(client=clients)
    def join(self, client: Client) -> None:
        before = client.subscribed
        reply = client.ask("phx_join", {})
        assert reply["status"] == "ok", reply
        assert set(reply["response"]["allowed_topics"]) == set(client.scopes)
        assert before is client.subscribed
        client.subscribed, client.joined = {}, True

    @rule(client=clients)
    def leave(self, client: Client) -> None:
        assert client.ask("phx_leave", {})["status"] == "ok"
        client.subscribed, client.joined = {}, False

    @rule(client=clients, topic=st.integers(0, 2), cursor=st.none() | st.integers(0, 12))
    def subscribe(self, client: Client, topic: int, cursor: int | None) -> None:
        name = (*self.names, "fuzz.none")[topic]
        payload: dict[str, Any] = {"topics": [name], "replay_batch_size": 2}
        if cursor is not None:
            payload["resume_after"] = {name: cursor}
        # The old subscription goes on until the reply, from which the new one counts.
        reply = client.ask("sync:subscribe", payload)
        if not client.joined:
            assert reply["response"] == {"reason": "unmatched topic"}
            return
        if name not in client.scopes:
            assert reply["response"]["code"] == "forbidden_topic"
            assert reply["response"]["forbidden_topics"] == [name]
            return
        model = self.topics[name]
        reason = None if cursor is None else model.refuses(cursor)
        if reason is not None:
            [stale] = reply["response"]["stale_topics"]
            assert (stale["reason"], stale["head_watermark"]) == (reason, model.head)
            assert client.pushed_errors.pop() == reply["response"]
            return
        start = model.floor - 1 if cursor is None else cursor
        assert reply["status"] == "ok", reply
        assert reply["response"]["current_watermarks"] == [{"topic": name, "watermark": start}]
        assert reply["response"]["head_watermarks"] == [{"topic": name, "watermark": model.head}]
        client.subscribed[name] = Subscription(start, start)

    @rule(client=clients, topic=st.integers(0, 1))
    def unsubscribe(self, client: Client, topic: int) -> None:
        reply = client.ask("sync:unsubscribe", {"topics": [self.names[topic]]})
        if client.joined:
            client.subscribed.pop(self.names[topic], None)
            assert set(reply["response"]["topics"]) == set(client.subscribed)
        else:
            assert reply["status"] == "error"

    @rule(client=clients)
    def beat(self, client: Client) -> None:
        assert client.ask("heartbeat", {}, "phoenix")["status"] == "ok"
        if client.joined:
            client.heartbeat()

    @rule(client=clients, scopes=st.integers(0, 2), org=st.sampled_from(ORGS))
    def refresh(self, client: Client, scopes: int, org: str) -> None:
        names = self.names[:scopes]
        reply = client.ask("sync:refresh", {"token": client.token(names, org)})
        if not client.joined:
            assert reply["status"] == "error"
        elif org != client.org:
            assert reply["response"]["code"] == "unauthorized"
        else:
            assert set(reply["response"]["allowed_topics"]) == set(names)
            client.scopes = names
            for lost in set(client.subscribed) - set(names):
                del client.subscribed[lost]
            client.heartbeat()
            client.pushed_errors.clear()

    @rule(client=clients, data=BINARY_MESSAGES)
    def binary(self, client: Client, data: bytes) -> None:
        """Whatever it says, a binary message is told off and changes nothing."""
        client.socket.send(data)
        assert client.ask("heartbeat", {}, "phoenix")["status"] == "ok"
        assert client.pushed_errors.pop()["code"] == "bad_frame"
        if client.joined:
            client.heartbeat()

    @rule(
        client=clients,
        event=st.sampled_from(["sync:subscribe", "sync:refresh", "sync:unsubscribe", "x"]),
        payload=st.dictionaries(
            st.sampled_from(["topics", "resume_after", "token", "epoch"]),
            st.none() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3)),
        ),
    )
    def nonsense(self, client: Client, event: str, payload: dict[str, Any]) -> None:
        reply = client.ask(event, payload)
        if event == "sync:unsubscribe" and reply["status"] == "ok":
            return
        assert reply["status"] == "error", reply


@dataclass
class _Background:
    """A relay in a thread of its own: the machine is no coroutine."""

    database: Database
    running: RunningRelay | None = None
    failure: BaseException | None = None

    def serve(self, ready: threading.Event, stop: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready, stop))
        except BaseException as error:
            self.failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event, stop: threading.Event) -> None:
        async with running_relay(
            self.database,
            max_requests_per_second=10_000.0,
            max_request_burst=100_000,
            max_messages_per_second=10_000.0,
            max_message_burst=100_000,
            max_handshakes_per_second=10_000.0,
            max_handshake_burst=100_000,
            max_connections_per_subject=100_000,
            max_handshakes_per_second_per_subject=100_000,
            max_bad_frames=10**9,
            max_failed_handshakes_per_minute=10**6,
        ) as self.running:
            await ready_relay(self.running)
            ready.set()
            await asyncio.to_thread(stop.wait)


@pytest.fixture
def relay(newest_database: Database) -> Iterator[RunningRelay]:
    ready, stop = threading.Event(), threading.Event()
    background = _Background(newest_database)
    thread = threading.Thread(target=background.serve, args=(ready, stop))
    thread.start()
    try:
        ready.wait()
        if background.failure is not None:
            raise background.failure
        assert background.running is not None
        yield background.running
    finally:
        stop.set()
        thread.join()
    assert background.failure is None


def test_any_order_of_things(relay: RunningRelay, newest_database: Database) -> None:
    bounds = settings(
        max_examples=20,
        stateful_step_count=25,
        # A failure is told as it was found: making it smaller on live sockets takes many minutes.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with newest_database.connect() as database:
        machine = type("Machine", (Wire,), {"relay": relay, "database": database})
        fuzz(lambda: run_state_machine_as_test(machine, settings=bounds))


def close_codes(received: bytes) -> Iterator[int]:
    """The codes of the close frames in what a server sent."""
    while len(received) >= 2:
        opcode, size = received[0] & 15, received[1] & 127
        head = {126: 4, 127: 10}.get(size, 2)
        length = size if head == 2 else int.from_bytes(received[2:head], "big")
        if opcode == CLOSE:
            yield int.from_bytes(received[head : head + 2], "big")
        received = received[head + length :]


def answers(running: RunningRelay, sent: bytes) -> bytes:
    """What a relay says on a fresh socket to some bytes, until it ends the connection."""
    parts = urlsplit(running.url())
    key = base64.b64encode(bytes(16)).decode()
    with socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE_S) as raw:
        raw.sendall(
            f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        received = bytearray()
        while b"\r\n\r\n" not in received:
            received += raw.recv(65536)
        assert b" 101 " in received
        try:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            while piece := raw.recv(65536):
                received += piece
        except ConnectionError:
            # It was cut off: that is an end as well.
            pass
        return bytes(received).partition(b"\r\n\r\n")[2]


def test_any_frames_at_all(relay: RunningRelay, caplog: pytest.LogCaptureFixture) -> None:
    """Frames of every kind, whole, in pieces and broken: the relay ends the socket, not itself."""
    caplog.set_level(logging.WARNING)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FRAMES | BINARY_MESSAGES, max_size=8).map(b"".join))
    def run(sent: bytes) -> None:
        codes = list(close_codes(answers(relay, sent)))
        # 1011 would be a failure of the relay's own.
        assert 1011 not in codes

    bystander = Client(relay, "org-a", ())

    def disturb() -> None:
        run()
        # Reads what came meanwhile as well: a client that never reads hears no pong either.
        assert bystander.ask("sync:heartbeat", {})["status"] == "ok"

    try:
        assert bystander.ask("phx_join", {})["status"] == "ok"
        fuzz(disturb)
    finally:
        bystander.close()
    assert [record for record in caplog.records if record.name.startswith("khala")] == []
