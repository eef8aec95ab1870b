"""A subscriber that keeps every update it was given and recovers as wire and HTTP documents say."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from faults.ledger import Ledger
from khala_pg.client import Endpoint
from support.postgres.consistency import Connection, visible
from support.wire.subscriber import RefusedByRelayError, Subscriber

# The relay's heartbeat comes twice a second: a connection that says nothing for so long is dead.
_SILENCE_S = 3.0


class SnapshotRefusedError(Exception):
    """The snapshot cannot be had now, or has to be begun anew."""


class Witness(Subscriber):
    """Follows topics from watermark 0; after a stale cursor from a snapshot."""

    def __init__(
        self,
        name: str,
        org: str,
        topics: Iterable[str],
        url: Callable[[], str],
        endpoint: Callable[[], Endpoint],
    ) -> None:
        """
        url: where to connect, with a token of its own; endpoint: where snapshots are.
        """
        super().__init__(name, org, topics, url)
        self.answer_s = _SILENCE_S
        self.cursors = dict.fromkeys(self.topics, 0)
        self.updates: list[dict[str, Any]] = []
        self.snapshots = 0
        self._endpoint = endpoint

    def take(self, frame: list[Any]) -> None:
        if frame[3] == "sync:update_batch":
            self.updates += frame[4]["updates"]
        super().take(frame)

    async def live(
        self, enough: Callable[[], bool], rng: random.Random, most_frames: int | None
    ) -> None:
        """Stays subscribed until it has enough, whatever it is told on the way."""
        while not enough():
            try:
                await self.follow(enough, rng, most_frames)
            except RefusedByRelayError as refused:
                if refused.payload["code"] != "stale_cursor":
                    raise
                await self._resync(refused.payload["stale_topics"], enough, rng)

    async def _resync(
        self, stale: list[dict[str, Any]], enough: Callable[[], bool], rng: random.Random
    ) -> None:
        for entry in stale:
            topic = entry["topic"]
            assert entry["reason"] == "below_floor", f"{self.name}: {entry}"
            assert entry["resume_after"] + 1 < entry["retention_floor"], f"{self.name}: {entry}"
            assert entry["resume_after"] >= self.cursors[topic], f"{self.name}: {entry}"
            while not enough():
                try:
                    await self._read_snapshot(topic)
                    break
                except (httpx.TransportError, SnapshotRefusedError):
                    await asyncio.sleep(rng.uniform(0.05, 0.2))  # back-off between attempts

    async def _read_snapshot(self, topic: str) -> None:
        place = self._endpoint()
        model: dict[str, tuple[int, Any]] = {}
        arguments: dict[str, Any] = {}
        async with httpx.AsyncClient(trust_env=False, timeout=_SILENCE_S) as client:
            while True:
                answer = await client.get(
                    f"{place.http_url}/api/sync/snapshot/{topic}",
                    params=arguments,
                    headers={"Authorization": f"Bearer {place.token}"},
                )
                if answer.status_code != 200:
                    assert answer.status_code in {401, 409, 503}, answer.text
                    raise SnapshotRefusedError(answer.text)
                page = answer.json()
                for document in page["documents"]:
                    model[document["doc_key"]] = (document["doc_version"], document["payload"])
                arguments.setdefault("watermark", page["watermark"])
                if page["complete"]:
                    break
                arguments["after_doc_key"] = page["next_doc_key"]
        assert arguments["watermark"] > self.cursors[topic], f"{self.name}: the snapshot is older"
        self.models[topic] = model
        self.cursors[topic] = arguments["watermark"]
        self.snapshots += 1

    def check_against(self, ledger: Ledger, database: Connection) -> int:
        """Nothing missing, nothing twice, nothing else, all in order; how many updates it got."""
        self.check_account({topic: ledger.visible_rows(topic, self.org) for topic in self.topics})
        for update in self.updates:
            ledger.check_update(update, self.org)
        self.check_models(lambda topic: visible(database, topic, self.org))
        return len(self.updates)
