"""A relay with clients that subscribe to one topic, as the benches of the relay need it."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection

from bench.support.processes import Child
from bench.support.relay_process import Relaying, relaying

TOPIC = "runtime.notifications"

# Nothing but what is measured: no heartbeats, and all clients come from one address.
LIMITS: Mapping[str, float] = {
    "heartbeat_interval_s": 3600,
    "ping_interval_s": 3600,
    "idle_timeout_s": 7200,
    "max_connections": 20_000,
    "max_connections_per_ip": 20_000,
    "max_connections_per_subject": 20_000,
    "max_pending_handshakes": 20_000,
    "max_pending_handshakes_per_ip": 20_000,
    "max_handshakes_per_second": 20_000,
    "max_handshake_burst": 20_000,
    "max_handshakes_per_second_per_subject": 20_000,
}

Step = tuple[str, str]


class Serving:
    """A relay that serves, and what its clients have to say to it."""

    def __init__(self, relay: Relaying) -> None:
        self.process = relay.child
        url = urlsplit(relay.ws)
        assert url.hostname is not None
        assert url.port is not None
        self.host, self.port = url.hostname, url.port
        self._relay = relay

    def steps(self, org: str, resume_after: int | None, topic: str = TOPIC) -> list[Step]:
        """What a client sends and waits for until it is subscribed; without a cursor from the
        earliest."""
        return self._steps(org, [topic], None if resume_after is None else {topic: resume_after})

    def steps_from(self, org: str, cursors: Mapping[str, int]) -> list[Step]:
        """The same for several topics."""
        return self._steps(org, [*cursors], cursors)

    def steps_at_epoch(
        self, org: str, cursors: Mapping[str, int], epoch: str, until: str
    ) -> list[Step]:
        """The same for cursors of an epoch. until: what is waited for after the subscription."""
        *others, (subscribe, _) = self._steps(org, [*cursors], cursors, epoch=epoch)
        return [*others, (subscribe, until)]

    def _steps(
        self, org: str, topics: Sequence[str], cursors: Mapping[str, int] | None, **more: str
    ) -> list[Step]:
        asked: dict[str, Any] = {"topics": topics, **more}
        if cursors is not None:
            asked["resume_after"] = cursors
        granted = '"status":"ok"'
        target = urlunsplit(urlsplit(self._relay.url(org, topics))._replace(scheme="", netloc=""))
        return [
            (opening(target), " 101 "),
            (json.dumps(["1", "1", "sync:v1", "phx_join", {}]), granted),
            (json.dumps(["1", "2", "sync:v1", "sync:subscribe", asked]), granted),
        ]

    @property
    def http(self) -> str:
        """Where it serves snapshots, if it was started to do so."""
        return self._relay.http

    def token(self, org: str, topic: str) -> str:
        """A token of an organisation for a topic."""
        return self._relay.token(org, [topic], "bench")

    def url(self, org: str, topic: str = TOPIC) -> str:
        """Where a client of an organisation connects."""
        return self._relay.url(org, [topic])

    def metric(self, name: str, **labels: str) -> float:
        """A sum over the series of a metric that have these labels."""
        answer = httpx.get(self.process.hello["metrics"], timeout=20, trust_env=False)
        return sum(
            sample.value
            for family in text_string_to_metric_families(answer.raise_for_status().text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def opening(target: str) -> str:
    """An opening request."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: a2hhbGEtYmVuY2gtY3Jvdw==\r\n\r\n"
    )


async def ask(socket: ClientConnection, event: str, payload: dict[str, Any]) -> None:
    """Sends a request until it is granted: a relay that has just started may say "later"."""
    while True:
        await socket.send(json.dumps(["1", "1", "sync:v1", event, payload]))
        frame = json.loads(await socket.recv())
        while frame[3] != "phx_reply":
            frame = json.loads(await socket.recv())
        if frame[4]["status"] == "ok":
            return
        if "retry_after_ms" not in frame[4]["response"]:
            raise RuntimeError(f"{event} was refused: {frame}")
        await asyncio.sleep(0.1)


@contextmanager
def serving(dsn: str, *arguments: str, **limits: float) -> Iterator[Serving]:
    """A relay on a database."""
    with relaying(dsn, *arguments, **{**LIMITS, **limits}) as relay:
        yield Serving(relay)


def head(dsn: str, topic: str = TOPIC) -> int:
    """The topic's last watermark."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s", [topic]
        ).fetchone()
    assert row is not None
    return int(row[0])


def open_all(
    crowd: Child, host: str, port: int, steps: list[Step], clients: int, **more: Any
) -> None:
    """Opens clients that take the same steps; returns when all are through."""
    crowd.ask(do="open", host=host, port=port, groups=[[steps, clients, 0]], **more)


def writer(dsn: str) -> psycopg.Connection[Any]:
    """A connection that sinks."""
    return psycopg.connect(dsn, autocommit=True)


def sink_batch(
    connection: psycopg.Connection[Any], documents: list[dict[str, Any]], topic: str = TOPIC
) -> None:
    """Writes documents in one transaction."""
    connection.execute("SELECT khala.sink_batch(%s, %s::jsonb)", [topic, json.dumps(documents)])
