"""No byte of a document leaves for whom its organisation, scopes or filter do not allow it, and
what they allow comes complete: random keys, owners, prefixes and scopes, in both lanes and over
HTTP."""

import asyncio
import base64
import itertools
import json
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from khala_pg.canonical import payload_hash
from khala_pg.client import binary
from support.postgres.databases import Database
from support.relay.relays import (
    CHANNEL,
    PATIENCE_S,
    RunningRelay,
    Writer,
    ready_relay,
    running_relay,
    writer,
)

_UNHURRIED: dict[str, Any] = {
    "http_port": 0,
    "max_requests_per_second": 10_000.0,
    "max_request_burst": 10_000,
    "max_messages_per_second": 10_000.0,
    "max_message_burst": 10_000,
}
ORGS = ("org-a", "org-b")
# Few, so that many keys begin alike, and some are the beginning of others.
PIECES = st.sampled_from(["a", "ab", "/", "//", "é", "😀", "\n", '"\\', "%_", "\U0010ffff"])
KEYS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
BEGINNINGS = st.lists(PIECES, max_size=3).map("".join)
Filter = dict[str, Any] | None


@dataclass(frozen=True)
class Write:
    """One version of a document; org None: public; deleted: a tombstone."""

    key: str
    org: str | None
    deleted: bool
    secret: str


@dataclass(frozen=True)
class Viewer:
    """A token, and what is asked for under it. scopes: prefixes, an empty one for the topic."""

    org: str
    scopes: tuple[str, ...]
    filter: Filter

    def has(self, key: str) -> bool:
        """Whether scopes and filter leave the key."""
        wanted = self.filter or {}
        return (
            any(key.startswith(prefix) for prefix in self.scopes)
            and key in wanted.get("keys", [key])
            and key.startswith(wanted.get("prefix", ""))
        )

    @property
    def is_allowed(self) -> bool:
        """Whether the filter is within the scopes."""
        wanted = self.filter or {}
        named = wanted.get("keys", [wanted["prefix"]] if "prefix" in wanted else [])
        return all(any(each.startswith(prefix) for prefix in self.scopes) for each in named)

    def sees(self, owner: str | None) -> bool:
        return owner in (None, self.org)


@st.composite
def scenes(
    draw: st.DrawFn,
) -> tuple[list[Write], list[Write], list[Write], list[Viewer]]:
    """Writes before, while and after viewers subscribe, to a few keys that change owners, and
    viewers whose scopes and filters often cut them."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    beginnings = BEGINNINGS | st.sampled_from(
        [key[:length] for key in keys for length in range(len(key) + 1)]
    )
    writes = st.lists(
        st.builds(
            Write,
            st.sampled_from(keys),
            st.none() | st.sampled_from(ORGS),
            st.integers(0, 5).map(lambda number: number == 0),
            st.builds(lambda: secrets.token_hex(8)),
        ),
        min_size=1,
        max_size=10,
    )
    filters = (
        st.none()
        | st.lists(KEYS | st.sampled_from(keys), min_size=1, max_size=4).map(
            lambda found: {"keys": found}
        )
        | beginnings.map(lambda prefix: {"prefix": prefix})
    )
    viewers = st.builds(
        Viewer,
        st.sampled_from(ORGS),
        st.just(("",)) | st.lists(beginnings, min_size=1, max_size=3).map(tuple),
        filters,
    )
    return (
        draw(writes),
        draw(writes),
        draw(writes),
        draw(st.lists(viewers, min_size=2, max_size=4)),
    )


@dataclass
class Journal:
    """What was written: of each row what a viewer must be sent, and the documents that stand."""

    rows: list[tuple[Write, str | None]] = field(default_factory=list)
    """Each with the owner before it."""
    standing: dict[str, tuple[Write, int]] = field(default_factory=dict)
    secrets: dict[str, list[Write]] = field(default_factory=dict)

    def add(self, written: Write) -> None:
        before = self.standing.get(written.key)
        # What is gone leaves nobody once more.
        owner = written.org if before is None or before[0].deleted else before[0].org
        if written.deleted:
            # A tombstone keeps the owner of its document.
            written = Write(written.key, owner, True, written.secret)
        self.rows.append((written, owner))
        self.standing[written.key] = (written, len(self.rows))

    def sent_to(self, viewer: Viewer) -> list[tuple[int, str, str | None]]:
        """Watermark, key and secret, None for a tombstone, of what replay and feed must send."""
        return [
            (at, row.key, row.secret if viewer.sees(row.org) and not row.deleted else None)
            for at, (row, before) in enumerate(self.rows, start=1)
            if viewer.has(row.key) and (viewer.sees(row.org) or viewer.sees(before))
        ]

    def documents_of(self, viewer: Viewer) -> dict[str, tuple[int, str]]:
        return {
            key: (at, row.secret)
            for key, (row, at) in self.standing.items()
            if viewer.has(key) and viewer.sees(row.org) and not row.deleted
        }

    def forbidden_bytes(self, viewer: Viewer) -> list[bytes]:
        """Payloads and hashes of every version that is not for the viewer."""
        hidden = [
            row
            for row, _ in self.rows
            if not row.deleted and not (viewer.has(row.key) and viewer.sees(row.org))
        ]
        return [
            found
            for row in hidden
            for digest in [payload_hash(payload(row))]
            for found in (row.secret.encode(), base64.b64encode(digest), digest)
        ]


def payload(row: Write) -> dict[str, Any]:
    return {"secret": row.secret}


class Watcher:
    """A socket that keeps every byte it was sent."""

    def __init__(self, url: str, topic: str, viewer: Viewer) -> None:
        self._connect = connect(url, max_size=None, compression=None)
        self._topic = topic
        self._viewer = viewer
        self._refs = map(str, itertools.count(1))
        self.raw: list[bytes] = []
        self.updates: list[tuple[int, str, str | None]] = []
        self.covered = 0

    async def __aenter__(self) -> "Watcher":
        self._socket = await self._connect.__aenter__()
        await self.ask("phx_join", {})
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._connect.__aexit__(*raised)

    async def ask(self, event: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The payload of the reply: status and response."""
        ref = next(self._refs)
        await self._socket.send(json.dumps(["1", ref, CHANNEL, event, asked]))
        while True:
            _, replied, _, name, said = await self._next()
            if name == "phx_reply" and replied == ref:
                return dict(said)

    async def subscribe(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"topics": [self._topic], "resume_after": {self._topic: 0}}
        if self._viewer.filter is not None:
            asked["filters"] = {self._topic: self._viewer.filter}
        return await self.ask("sync:subscribe", asked)

    async def reaches(self, watermark: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.covered < watermark:
                response = (await self.ask("sync:heartbeat", {}))["response"]
                self.covered = max(at["watermark"] for at in response["watermarks"])

    async def _next(self) -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            message = await self._socket.recv()
        if isinstance(message, bytes):
            self.raw.append(message)
            frame = binary.frame(message)
            for update in binary.batch(frame.data or b"").updates:
                secret = None if update.payload is None else str(update.payload["secret"])
                self.updates.append((update.watermark, update.doc_key, secret))
            return [frame.join_ref, None, frame.topic, frame.event, {}]
        self.raw.append(message.encode())
        found = list(json.loads(message))
        if found[3] == "sync:update_batch":
            for each in found[4]["updates"]:
                secret = each["payload"]["secret"] if "payload" in each else None
                self.updates.append((each["watermark"], each["doc_key"], secret))
        return found


@dataclass
class Stage:
    """A relay, and a topic of its own for each example."""

    running: RunningRelay
    write: Writer
    http: httpx.AsyncClient
    topics: Any = field(default_factory=lambda: map("secret.topic{}".format, itertools.count()))

    async def example(
        self, before: list[Write], during: list[Write], after: list[Write], viewers: list[Viewer]
    ) -> None:
        topic = next(self.topics)
        await self.write.connection.execute(
            "SELECT khala.register_topic(%s, p_ownership => 'mixed')", (topic,)
        )
        journal = Journal()
        await self.sink(topic, journal, before)
        async with AsyncExitStack() as stack:
            watchers = [
                (await stack.enter_async_context(Watcher(url, topic, viewer)), viewer)
                for viewer in viewers
                for url in self.urls(topic, viewer)
            ]
            writing = asyncio.create_task(self.sink(topic, journal, during))
            for watcher, viewer in watchers:
                reply = await watcher.subscribe()
                assert (reply["status"] == "ok") == viewer.is_allowed, reply
            await writing
            watchers = [each for each in watchers if each[1].is_allowed]
            for watcher, _ in watchers:
                await watcher.reaches(len(journal.rows))
            # All are live.
            await self.sink(topic, journal, after)
            for watcher, viewer in watchers:
                await watcher.reaches(len(journal.rows))
                assert watcher.updates == journal.sent_to(viewer)
                self.nothing_of(journal, viewer, b"".join(watcher.raw))
        for viewer in viewers:
            await self.read_over_http(topic, journal, viewer)

    def urls(self, topic: str, viewer: Viewer) -> list[str]:
        url = self.running.url(self.token(topic, viewer))
        return [url, f"{url}&encoding=protobuf"]

    def token(self, topic: str, viewer: Viewer) -> str:
        scopes = tuple(f"{topic}/{prefix}" if prefix else topic for prefix in viewer.scopes)
        return self.running.token(viewer.org, scopes)

    async def sink(self, topic: str, journal: Journal, writes: list[Write]) -> None:
        for each in writes:
            if each.deleted:
                call, arguments = "sink_delete(%s, %s, NULL, %s)", (topic, each.key, each.org)
            else:
                await self.write.connection.execute(
                    "SELECT khala.sink(%s, %s, NULL, %s::jsonb, %s)",
                    (topic, each.key, json.dumps(payload(each)), each.org),
                )
                journal.add(each)
                continue
            if each.key in journal.standing and not journal.standing[each.key][0].deleted:
                owner = journal.standing[each.key][0].org
                await self.write.connection.execute(f"SELECT khala.{call}", (*arguments[:2], owner))
                journal.add(each)

    async def read_over_http(self, topic: str, journal: Journal, viewer: Viewer) -> None:
        headers = {"Authorization": f"Bearer {self.token(topic, viewer)}"}
        wanted = viewer.filter or {}
        asked: list[tuple[str, str]] = [("topic", topic)]
        asked += [("key", key) for key in wanted.get("keys", [])]
        asked += [("prefix", wanted["prefix"])] if "prefix" in wanted else []
        expected = journal.documents_of(viewer)
        found: dict[str, tuple[int, str]] = {}
        page: dict[str, Any] = {"complete": False}
        after: list[tuple[str, str]] = []
        while not page["complete"]:
            response = await self.http.get(
                "/api/sync/snapshot", params=[*asked, ("limit", "2"), *after], headers=headers
            )
            self.nothing_of(journal, viewer, response.content)
            if not viewer.is_allowed:
                assert response.json()["code"] == "forbidden_topic"
                break
            page = response.json()
            assert list(found) + [each["doc_key"] for each in page["documents"]] == sorted(
                [*found, *(each["doc_key"] for each in page["documents"])],
                key=lambda key: key.encode(),
            )
            found |= documents(page)
            assert page["watermark"] == len(journal.rows)
            after = [
                ("after_doc_key", page["next_doc_key"] or ""),
                ("watermark", str(page["watermark"])),
            ]
        else:
            assert found == expected
            response = await self.http.get(
                "/api/sync/snapshot",
                params=[*asked, ("order", "newest"), ("limit", "3")],
                headers=headers,
            )
            self.nothing_of(journal, viewer, response.content)
            newest = sorted(expected.values(), reverse=True)[:3]
            assert list(documents(response.json()).values()) == newest
        alone = Viewer(viewer.org, viewer.scopes, None)
        visible = journal.documents_of(alone)
        for key in journal.standing:
            response = await self.http.get(
                "/api/sync/documents", params={"topic": topic, "doc_key": key}, headers=headers
            )
            assert response.status_code == (200 if key in visible else 404)
            self.nothing_of(journal, alone, response.content)

    def nothing_of(self, journal: Journal, viewer: Viewer, content: bytes) -> None:
        for hidden in journal.forbidden_bytes(viewer):
            assert hidden not in content


def documents(page: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Watermark and secret of the documents of a snapshot's page, in its order."""
    return {
        each["doc_key"]: (each["watermark"], each["payload"]["secret"])
        for each in page["documents"]
    }


def test_nothing_leaves_for_others_and_all_for_whom_it_is(newest_database: Database) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin() -> Stage:
            running = await stack.enter_async_context(running_relay(newest_database, **_UNHURRIED))
            await ready_relay(running)
            http = httpx.AsyncClient(base_url=running.addresses.http or "", trust_env=False)
            return Stage(
                running,
                await stack.enter_async_context(writer(newest_database)),
                await stack.enter_async_context(http),
            )

        stage = runner.run(begin())
        try:

            @settings(
                max_examples=30,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )
            @given(scenes())
            def holds(
                scene: tuple[list[Write], list[Write], list[Write], list[Viewer]],
            ) -> None:
                runner.run(stage.example(*scene))

            holds()
        finally:
            runner.run(stack.aclose())
