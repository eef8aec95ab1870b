"""Shapes of a storm: what its clients say to the relay, and what as many say to a bare server."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import psycopg
from websockets.asyncio.client import connect

from bench.support.relay_clients import TOPIC, Serving, Step, ask, head, opening, writer

SNAPSHOT_TOPIC = "bench.snapshot"
_PAYLOAD = {"text": "x" * 500}
_ORG = "org-0"
_COMPLETE = '"replay_complete":true'


@dataclass(frozen=True)
class Storm:
    """One storm. groups: as bench/support/crowd.py takes them.

    markers: updates that come after all clients are subscribed.
    pages, responses: what the bare server sends to a client that resumes, and to GET requests.
    """

    groups: Sequence[list[Any]]
    markers: int
    bare_groups: Callable[[int], Sequence[list[Any]]]
    pages: Sequence[str]
    responses: dict[str, str] = field(default_factory=dict)


def fill(connection: psycopg.Connection[Any], events: int, clients: int) -> None:
    """A journal for clients that resume, and a read model for those that begin anew."""
    connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [SNAPSHOT_TOPIC])
    for topic, count in ((TOPIC, events + clients), (SNAPSHOT_TOPIC, events)):
        for begin in range(0, count, 1000):
            connection.execute(
                "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key', 'd' || n,"
                " 'doc_version', 1, 'payload', %s::jsonb)))"
                " FROM generate_series(%s::integer + 1, %s::integer) AS n",
                [topic, json.dumps(_PAYLOAD), begin, min(begin + 1000, count)],
            )
    connection.execute("VACUUM (ANALYZE)")


def storm_of(shape: str, dsn: str, relay: Serving, clients: int, events: int) -> Storm:
    """The next storm of a shape; for `snapshot` the epoch has changed."""
    if shape == "snapshot":
        return _anew(dsn, relay, clients)
    top = head(dsn)
    groups = _resuming(shape, relay, top, clients, events)
    markers = sum(count * each for _, count, each in groups)
    mean = markers // clients
    pages = asyncio.run(_batches(relay, top - mean, top))
    steps = [(opening("/"), " 101 "), ("resume", '"updates":[')]
    return Storm(groups, markers, lambda _: [[steps, clients, mean]], pages)


def _resuming(
    shape: str, relay: Serving, top: int, clients: int, events: int
) -> Sequence[list[Any]]:
    """Who comes back, and from where."""
    match shape:
        case "together":
            return [[relay.steps(_ORG, top - events), clients, events]]
        case "orgs":
            each = clients // 20
            return [[relay.steps(f"org-{n}", top - events), each, events] for n in range(20)]
    return [[relay.steps(_ORG, top - events - n), 1, events + n] for n in range(clients)]


async def _batches(relay: Serving, after: int, until: int) -> list[str]:
    """The batches that a client gets that resumes."""
    found: list[str] = []
    async with connect(relay.url(_ORG), max_size=None, compression=None) as socket:
        await ask(socket, "phx_join", {})
        await ask(socket, "sync:subscribe", {"topics": [TOPIC], "resume_after": {TOPIC: after}})
        covered = after
        while covered < until:
            text = str(await socket.recv())
            found.append(text)
            [entry] = json.loads(text)[4]["covered_watermarks"]
            covered = int(entry["watermark"])
    return found


def _anew(dsn: str, relay: Serving, clients: int) -> Storm:
    """Clients that read a snapshot, page by page, and subscribe from its watermark."""
    with writer(dsn) as connection:
        connection.execute("SELECT khala.new_epoch('bench')")
    token = relay.token(_ORG, SNAPSHOT_TOPIC)
    responses = _snapshot(relay.http, token)
    requests = [_request(target, token, body) for target, body in responses.items()]
    page = json.loads(next(iter(responses.values())))
    subscribed = relay.steps_at_epoch(
        _ORG, {SNAPSHOT_TOPIC: page["watermark"]}, page["epoch"], _COMPLETE
    )
    url = urlsplit(relay.http)
    before = {"host": url.hostname, "port": url.port, "steps": requests}
    last = {"updates": [], "replay_complete": True, "head_watermarks": []}
    batch = json.dumps([None, None, "sync:v1", "sync:update_batch", last], separators=(",", ":"))
    bare_steps = [(opening("/"), " 101 "), ("resume", _COMPLETE)]
    return Storm(
        [[subscribed, clients, 0, before]],
        0,
        lambda port: [[bare_steps, clients, 0, {**before, "host": "127.0.0.1", "port": port}]],
        [batch],
        responses,
    )


def _snapshot(http: str, token: str) -> dict[str, str]:
    """Targets of the requests for a snapshot, and the pages."""
    found: dict[str, str] = {}
    path = f"/api/sync/snapshot/{SNAPSHOT_TOPIC}"
    asked: dict[str, Any] = {}
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        target = f"{path}?{urlencode(asked)}" if asked else path
        answer = httpx.get(f"{http}{target}", headers=headers, timeout=20, trust_env=False)
        found[target] = answer.raise_for_status().text
        page = answer.json()
        if page["next_doc_key"] is None:
            return found
        asked = {"after_doc_key": page["next_doc_key"], "watermark": page["watermark"]}


def _request(target: str, token: str, body: str) -> Step:
    """A request, and the end of its response."""
    head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    return head, body[-200:]
