"""Relays in the test's own event loop, and peers that speak the wire to them by hand."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import psycopg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from khala_pg.auth import keyring as keys
from khala_pg.auth.keys import Keyring
from khala_pg.http.credentials import SessionAuthenticator
from khala_pg.relay.monitoring.tracing import Spans
from khala_pg.relay.server import Addresses, Relay
from khala_pg.relay.settings import RelaySettings
from support.postgres.databases import Database
from support.trials.waiting import until

NOTES = "runtime.notifications"
RUNS = "runtime.run_summaries"
WORKERS = "runtime.codex_worker_summaries"
NOTES_ENUM = "SYNC_TOPIC_RUNTIME_NOTIFICATIONS"
CHANNEL = "sync:v1"
PATIENCE_S = 20.0

Payload = dict[str, Any]


def watermarks(response: Payload, name: str) -> dict[str, int]:
    """A list of watermarks in a response, by topic."""
    return {entry["topic"]: entry["watermark"] for entry in response[name]}


@dataclass
class RunningRelay:
    """A relay that serves."""

    relay: Relay
    addresses: Addresses
    keyring: Keyring
    stop: asyncio.Event
    done: asyncio.Task[None]

    def token(
        self, org: str = "org-a", scopes: tuple[str, ...] = (NOTES, RUNS, WORKERS), **more: Any
    ) -> str:
        return keys.sign_token(self.keyring, org_id=org, scopes=scopes, **more)

    def url(self, token: str | None = None) -> str:
        return f"{self.addresses.ws}?vsn=2.0.0&token={self.token() if token is None else token}"

    def open(self, token: str | None = None, **options: Any) -> "Peer":
        """A peer to be entered; it joins when asked to."""
        return Peer(self.url(token), **options)

    @asynccontextmanager
    async def joined(self, token: str | None = None, **options: Any) -> "AsyncIterator[Peer]":
        """A peer that has joined the channel."""
        async with self.open(token, **options) as peer:
            await peer.join()
            yield peer


@asynccontextmanager
async def running_relay(
    database: Database,
    /,
    keyring: Keyring | None = None,
    authenticate_session: SessionAuthenticator | None = None,
    load_keyring: Callable[[], Keyring] | None = None,
    spans: Spans | None = None,
    **limits: Any,
) -> AsyncIterator[RunningRelay]:
    """A relay on free ports, stopped afterwards."""
    settings = replace(
        RelaySettings(database.relay_dsn, ws_port=0, max_backoff_s=0.5, drain_timeout_s=5), **limits
    )
    ring = keyring or keys.generate()
    relay = Relay(settings, ring, load_keyring, authenticate_session, spans)
    stop, serving = asyncio.Event(), asyncio.Event()
    found: list[Addresses] = []

    def announce(addresses: Addresses) -> None:
        found.append(addresses)
        serving.set()

    done = asyncio.create_task(relay.run(stop, announce))
    done.add_done_callback(lambda task: serving.set())
    await serving.wait()
    if not found:
        await done
    try:
        yield RunningRelay(relay, found[0], ring, stop, done)
    finally:
        stop.set()
        await done


async def ready_relay(running: RunningRelay) -> None:
    """Returns when the relay says that it is ready."""

    async def is_ready() -> bool:
        return await running.relay.unready() is None

    await until(is_ready, "the relay is ready", PATIENCE_S)


async def unready_relay(running: RunningRelay) -> None:
    """Returns when the relay says that it is not ready."""

    async def is_unready() -> bool:
        return await running.relay.unready() is not None

    await until(is_unready, "the relay notices", PATIENCE_S)


class Peer:
    """One socket; what it does not wait for stays in order in `frames`."""

    def __init__(self, url: str, **options: Any) -> None:
        self._connect = connect(url, max_size=None, compression=None, **options)
        self._refs = itertools.count(1)
        self.join_ref: str | None = None
        self.frames: list[list[Any]] = []
        self.socket: ClientConnection

    async def __aenter__(self) -> Self:
        self.socket = await self._connect.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        # Closing once more what the relay cut off while data was unsent trips over asyncio.
        if self.socket.state is not State.CLOSED:
            await self._connect.__aexit__(*raised)

    async def send(self, event: str, payload: Payload, topic: str = CHANNEL) -> str:
        """Sends a message on the channel and returns its ref."""
        ref = str(next(self._refs))
        if event == "phx_join":
            self.join_ref = ref
        await self.socket.send(json.dumps([self.join_ref, ref, topic, event, payload]))
        return ref

    async def next(self, wanted: Callable[[list[Any]], bool] = lambda frame: True) -> list[Any]:
        """The next frame that is wanted; those before it stay in `frames`."""
        for place, frame in enumerate(self.frames):
            if wanted(frame):
                return self.frames.pop(place)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = json.loads(await self.socket.recv())
                if wanted(frame):
                    return list(frame)
                self.frames.append(frame)

    async def reply_to(self, ref: str) -> Payload:
        """The payload of the reply to a message: `{status, response}`."""
        frame = await self.next(lambda frame: frame[3] == "phx_reply" and frame[1] == ref)
        return dict(frame[4])

    async def ask(self, event: str, payload: Payload) -> Payload:
        """The response to a request that goes well."""
        reply = await self.reply_to(await self.send(event, payload))
        assert reply["status"] == "ok", reply
        return dict(reply["response"])

    async def ask_in_vain(self, event: str, payload: Payload) -> Payload:
        """The response to a request that is refused."""
        reply = await self.reply_to(await self.send(event, payload))
        assert reply["status"] == "error", reply
        return dict(reply["response"])

    async def join(self) -> Payload:
        return await self.ask("phx_join", {})

    async def subscribe(self, *topics: str, **more: Any) -> Payload:
        return await self.ask("sync:subscribe", {"topics": list(topics), **more})

    async def event(self, name: str) -> Payload:
        """The payload of the next push of that event."""
        frame = await self.next(lambda frame: frame[3] == name)
        return dict(frame[4])

    async def updates_until(
        self, watermark: int, topic: str = NOTES
    ) -> tuple[list[Payload], list[Payload]]:
        """The updates of a topic until it is covered up to the watermark, and their batches."""
        updates: list[Payload] = []
        batches: list[Payload] = []
        while True:
            batch = await self.event("sync:update_batch")
            [covered] = batch["covered_watermarks"]
            if covered["topic"] != topic:
                continue
            batches.append(batch)
            updates += batch["updates"]
            if covered["watermark"] >= watermark:
                return updates, batches

    async def closed(self) -> tuple[int | None, list[list[Any]]]:
        """Waits for the end; the close code, and the frames that came before it."""
        frames, self.frames = self.frames, []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    frames.append(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            return self.socket.close_code, frames


class Writer:
    """Writes documents as the runtime does, each call in a transaction of its own."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def sink(
        self,
        key: str,
        version: int = 1,
        payload: Payload | None = None,
        org: str | None = None,
        topic: str = NOTES,
    ) -> int:
        cursor = await self.connection.execute(
            "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb, %s)",
            (topic, key, version, json.dumps(payload or {"n": version}), org),
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def sink_many(
        self,
        count: int,
        version: int = 1,
        text: str = "",
        org: str | None = None,
        topic: str = NOTES,
    ) -> None:
        """Writes documents d1, d2, …, each with the text in its payload."""
        await self.connection.execute(
            "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object("
            "'doc_key', 'd' || n, 'doc_version', %s::bigint, 'org_id', %s::text,"
            "'payload', jsonb_build_object('n', n, 'text', %s::text)) ORDER BY n))"
            " FROM generate_series(1, %s) AS n",
            (topic, version, org, text, count),
        )

    async def purge(self, topic: str = NOTES) -> None:
        """Empties the journal of a topic."""
        await self.connection.execute(
            "SELECT * FROM khala.retain(%s, now() + '1 second', '0 seconds')", (topic,)
        )


@asynccontextmanager
async def writer(database: Database) -> AsyncIterator[Writer]:
    """A writer with the rights of the superuser."""
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        yield Writer(connection)
