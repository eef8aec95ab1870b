"""No byte of another organisation's documents, whatever happens to them, and all of one's own.

Five organisations; writers change owners at random; subscribers come and go, resume and page;
purges run. Every frame that a socket receives is kept as it came. A document's key, its payload and
so its hash are secrets of whoever owned it when it was written: each is drawn for that owner alone,
so that finding one in a frame of somebody else is a leak, and needs no knowledge of the protocol to
see.
"""

import asyncio
import base64
import hashlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import rfc8785

from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import NOTES, Peer, RunningRelay, ready_relay, running_relay
from support.trials.scale import scaled
from support.trials.seeds import choose_seed, stream

ORGS = [f"org-{n}" for n in range(5)]
_KEYS = 40


@dataclass
class World:
    """What was written, and what each organisation may know of it."""

    random: random.Random
    versions: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, set[str]] = field(default_factory=lambda: {org: set() for org in ORGS})
    """Texts that only the organisation may ever see: payloads' nonces and hashes."""
    keys: dict[str, set[str | None]] = field(default_factory=dict)
    """Every owner that a document key has had; None is public."""

    def change(self) -> tuple[str, int, dict[str, Any] | None, str | None]:
        """A change to write: key, version, payload (None deletes), owner (None is public)."""
        key = f"key-{self.random.randrange(_KEYS):02d}-end"
        owner = self.random.choice([*ORGS, *ORGS, None])
        if owner is not None and self.random.random() < 0.3:
            # One that stays with its owner, so that its key is a secret for good.
            key = f"only-{ORGS.index(owner)}{self.random.randrange(10)}-end"
        version = self.versions[key] = self.versions.get(key, 0) + 1
        self.keys.setdefault(key, set()).add(owner)
        if self.random.random() < 0.1:
            return key, version, None, owner
        payload = {"nonce": f"{self.random.getrandbits(96):024x}", "pad": "é" * 20}
        if owner is not None:
            digest = hashlib.sha256(rfc8785.dumps(payload)).digest()
            self.secrets[owner] |= {payload["nonce"], base64.b64encode(digest).decode()}
        return key, version, payload, owner

    def leaks(self, org: str, heard: str) -> list[str]:
        """What an organisation heard that only others may know."""
        found = [
            f"{other}: {secret}"
            for other, secrets in self.secrets.items()
            if other != org
            for secret in secrets
            if secret in heard
        ]
        strange = (k for k, owners in self.keys.items() if not owners & {org, None})
        return found + [f"key {key}" for key in strange if key in heard]


@dataclass
class Follower:
    """One organisation's subscriber, which forgets nothing that it hears."""

    org: str
    running: list[RunningRelay]
    random: random.Random
    heard: list[str] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)
    cursor: int | None = None
    resyncs: int = 0

    async def follow(self, stop: asyncio.Event) -> None:
        """Follows through reconnects until told to stop and at the head then."""
        while not stop.is_set():
            await self.session(to_head=False)
            if self.random.random() < 0.1:
                self._forget()
        # A cursor from before the first purge: nobody gets round a snapshot.
        self._forget()
        while not await self.session(to_head=True):
            continue

    def _forget(self) -> None:
        """As if its store were an old one."""
        self.cursor, self.documents = 0, {}

    async def session(self, *, to_head: bool) -> bool:
        """One connection; whether it ended at the head."""
        relay = self.random.choice(self.running)
        frames = self.random.randrange(1, 12)
        async with self._open(relay) as peer:
            await peer.join()
            resume = {} if self.cursor is None else {"resume_after": {NOTES: self.cursor}}
            size = self.random.choice([1, 3, 50])
            reply = await peer.reply_to(
                await peer.send(
                    "sync:subscribe", {"topics": [NOTES], "replay_batch_size": size, **resume}
                )
            )
            if reply["status"] == "error":
                assert reply["response"]["code"] == "stale_cursor", reply
                await self._resync(relay)
                return False
            while to_head or frames > 0:
                frames -= 1
                try:
                    async with asyncio.timeout(5 if to_head else 0.3):
                        frame = await peer.next(
                            lambda f: f[3] in ("sync:update_batch", "sync:error")
                        )
                except TimeoutError:
                    return False
                if frame[3] == "sync:error":
                    assert frame[4]["code"] == "stale_cursor", frame
                    await self._resync(relay)
                    return False
                self._apply(frame[4])
                if frame[4]["replay_complete"] and to_head:
                    return True
        return False

    def _apply(self, batch: dict[str, Any]) -> None:
        for update in batch["updates"]:
            if update.get("deleted"):
                self.documents.pop(update["doc_key"], None)
            else:
                self.documents[update["doc_key"]] = update["payload"]
        [covered] = batch["covered_watermarks"]
        self.cursor = covered["watermark"]

    async def _resync(self, relay: RunningRelay) -> None:
        """The snapshot, page by page; and a look at every document there might be."""
        self.resyncs += 1
        self.documents = {}
        after: dict[str, Any] = {}
        headers = bearer(relay.token(self.org, (NOTES,), subject=self.org))
        async with http(relay, headers=headers) as asking:
            while True:
                answer = await asking.get(
                    f"/api/sync/snapshot/{NOTES}", params={"limit": 7, **after}
                )
                self.heard.append(answer.text)
                page = answer.json()
                if answer.status_code == 409:
                    self.documents, after = {}, {}
                    continue
                assert answer.status_code == 200, page
                for document in page["documents"]:
                    self.documents[document["doc_key"]] = document["payload"]
                if page["complete"]:
                    break
                after = {"after_doc_key": page["next_doc_key"], "watermark": page["watermark"]}
            self.cursor = page["watermark"]
            for number in range(0, _KEYS, 8):
                # The key is the asker's own words, so only the answer's body counts.
                key = f"key-{number:02d}-end"
                found = await asking.get(f"/api/sync/documents/{NOTES}/{key}")
                if found.status_code == 200:
                    self.heard.append(found.text)

    @asynccontextmanager
    async def _open(self, relay: RunningRelay) -> AsyncIterator[Peer]:
        token = relay.token(self.org, (NOTES,), subject=self.org)
        async with relay.open(token) as peer:
            receive = peer.socket.recv

            async def recv(*args: Any, **kwargs: Any) -> Any:
                message = await receive(*args, **kwargs)
                self.heard.append(message if isinstance(message, str) else message.decode())
                return message

            peer.socket.recv = recv  # type: ignore[method-assign]
            yield peer


async def write(database: Database, world: World, count: int, stop: asyncio.Event) -> None:
    """The runtime: single writes, batches, and now and then a purge of what is a moment old."""
    async with await psycopg.AsyncConnection.connect(database.dsn, autocommit=True) as connection:
        for number in range(count):
            key, version, payload, owner = world.change()
            if payload is None:
                await connection.execute(
                    "SELECT khala.sink_delete(%s, %s, %s, %s)", (NOTES, key, version, owner)
                )
            else:
                await connection.execute(
                    "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)",
                    (NOTES, key, version, json.dumps(payload), owner),
                )
            if number % 60 == 59:
                await connection.execute(
                    "SELECT * FROM khala.retain(%s, now() + '1 second', '0 seconds', 40)", (NOTES,)
                )
            if number % 5 == 0:
                # Room for the followers in this one event loop.
                await asyncio.sleep(0)
    stop.set()


def own(database: Database, org: str) -> dict[str, Any]:
    """What an organisation should have in the end: its own documents and the public ones."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT doc_key, payload FROM runtime.sync_documents"
            " WHERE topic = %s AND NOT deleted AND (org_id IS NULL OR org_id = %s)",
            (NOTES, org),
        ).fetchall()
    return dict(rows)


async def test_nobody_hears_of_what_is_not_theirs(newest_database: Database) -> None:
    seed = choose_seed()
    world = World(stream(seed, "world"))
    stop = asyncio.Event()
    async with (
        running_relay(newest_database, http_port=0, max_batch_updates=50) as first,
        running_relay(newest_database, first.keyring, http_port=0, max_batch_bytes=2000) as second,
    ):
        await ready_relay(first)
        await ready_relay(second)
        followers = [
            Follower(org, [first, second], stream(seed, f"{org}/{n}")) for org in ORGS for n in "ab"
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(write(newest_database, world, scaled(600, 100), stop))
            for follower in followers:
                group.create_task(follower.follow(stop))
    for follower in followers:
        heard = "\n".join(dict.fromkeys(follower.heard))
        assert world.leaks(follower.org, heard) == []
        assert follower.documents == own(newest_database, follower.org)
    # The test must be able to see a leak, and must have seen what it is about.
    everything = "\n".join(text for follower in followers for text in follower.heard)
    assert all(any(secret in everything for secret in world.secrets[org]) for org in ORGS)
    assert all(follower.resyncs for follower in followers)
