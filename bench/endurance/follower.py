"""Subscriber that comes and goes, and is checked against the ledger all the time.

It speaks the wire by itself: what the project's own client takes for granted is checked here.
"""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException

from bench.endurance.ledger import Ledger, ViolationError
from bench.support.relay_process import Relaying

_LOST = (OSError, EOFError, TimeoutError, WebSocketException, InvalidHandshake, InvalidMessage)
_ANSWER_S = 30.0


@dataclass
class Habits:
    """How followers come and go.

    stay_s: mean time between two departures; away_s: at most so long they are away mostly;
    long_away_s: one in `long_one_in` stays away for so long. ending: everybody comes back to stay.
    """

    stay_s: float
    away_s: float
    long_away_s: float
    long_one_in: int
    ending: asyncio.Event = field(default_factory=asyncio.Event)


class StaleError(Exception):
    """The journal does not reach back to the cursor of these topics any more."""

    def __init__(self, topics: Sequence[str]) -> None:
        super().__init__(", ".join(topics))
        self.topics = topics


class Follower:
    """One subscriber of one organisation.

    covered: by topic, its watermark as the relay gave it; any other topic needs a snapshot.
    """

    def __init__(
        self, name: str, org: str, relay: Relaying, ledger: Ledger, rng: random.Random
    ) -> None:
        self.name = name
        self.org = org
        self.topics = tuple(ledger.complete)
        self.covered: dict[str, int] = {}
        self.models: dict[str, dict[str, tuple[int, Any]]] = {}
        self.updates = 0
        self.connections = 0
        self.snapshots = 0
        self.is_live = False
        self._relay = relay
        self._ledger = ledger
        self._rng = rng
        self._epoch: str | None = None
        self._checked: dict[str, int] = {}
        self._given: dict[str, list[dict[str, Any]]] = {topic: [] for topic in self.topics}

    async def run(self, http: httpx.AsyncClient, habits: Habits) -> None:
        """Follows its topics until it is cancelled. Raises ViolationError."""
        while True:
            try:
                for topic in self.topics:
                    if topic not in self.covered:
                        await self._read_snapshot(http, topic)
                await self._follow(habits)
                await self._stay_away(habits)
            except StaleError as stale:
                for topic in stale.topics:
                    del self.covered[topic]
            except (*_LOST, httpx.HTTPError):
                await asyncio.sleep(self._rng.uniform(0.1, 2.0))  # back-off between attempts
            finally:
                for topic, covered in self.covered.items():
                    given = self._given[topic]
                    given[:] = [update for update in given if update["watermark"] <= covered]

    def check(self) -> None:
        """Compares an update that it was sent with the write. Raises ViolationError."""
        for topic, covered in self.covered.items():
            after, until = self._checked[topic], min(covered, self._ledger.complete[topic])
            if until <= after:
                continue
            given = self._given[topic]
            count = sum(update["watermark"] <= until for update in given)
            expected = self._ledger.between(topic, self.org, after, until)
            watermarks = [update["watermark"] for update in given[:count]]
            if watermarks != expected:
                raise ViolationError(
                    f"{self.name}, {topic} after {after} up to {until}:"
                    f" missing {sorted(set(expected) - set(watermarks))[:5]},"
                    f" too much {sorted(set(watermarks) - set(expected))[:5]}"
                )
            for update in given[:count]:
                self._compare(topic, update)
            del given[:count]
            self._checked[topic] = until

    def checked(self, topic: str) -> int:
        """Up to where it needs the ledger no more."""
        return self._checked.get(topic, self._ledger.complete[topic])

    def has_reached(self, heads: dict[str, int]) -> bool:
        """Whether it was checked for everything up to these watermarks."""
        return all(
            topic in self.covered and self._checked[topic] >= head for topic, head in heads.items()
        )

    def _compare(self, topic: str, update: dict[str, Any]) -> None:
        write = self._ledger[topic, update["watermark"]]
        sent = (
            update["doc_key"],
            int(update["doc_version"]),
            None if update.get("deleted") else update["payload"],
        )
        if sent != (write.doc_key, write.doc_version, write.payload):
            raise ViolationError(f"{self.name}, {topic}: {update}, written was {write}")

    async def _follow(self, habits: Habits) -> None:
        """One connection, until it is time to go."""
        url = self._relay.url(self.org, self.topics, self.name)
        socket_ = await connect(
            url,
            max_size=None,
            max_queue=None,
            compression=None,
            proxy=None,
            open_timeout=_ANSWER_S,
        )
        try:
            self.connections += 1
            await self._begin(socket_)
            self.is_live = True
            reading = asyncio.create_task(self._read(socket_))
            leaving = asyncio.create_task(habits.ending.wait())
            try:
                await asyncio.wait(
                    [reading] if habits.ending.is_set() else [reading, leaving],
                    timeout=self._stay_s(habits),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if habits.ending.is_set():
                    await reading
            finally:
                for task in (reading, leaving):
                    task.cancel()
                ends = await asyncio.gather(reading, leaving, return_exceptions=True)
            if isinstance(ends[0], Exception):
                raise ends[0]
            if self._rng.random() < 0.5:
                await socket_.close()
            else:
                _reset(socket_)
        finally:
            self.is_live = False
            socket_.transport.abort()

    def _stay_s(self, habits: Habits) -> float | None:
        return None if habits.ending.is_set() else self._rng.expovariate(1 / habits.stay_s)

    async def _stay_away(self, habits: Habits) -> None:
        away_s = self._rng.uniform(0, habits.away_s)
        if self._rng.randrange(habits.long_one_in) == 0:
            away_s = habits.long_away_s
        try:
            async with asyncio.timeout(away_s):
                await habits.ending.wait()
        except TimeoutError:
            return

    async def _begin(self, socket_: ClientConnection) -> None:
        joined = await self._ask(socket_, "1", "phx_join", {})
        self._epoch = self._epoch or joined["epoch"]
        request = {
            "topics": self.topics,
            "resume_after": self.covered,
            "epoch": self._epoch,
        }
        await self._ask(socket_, "2", "sync:subscribe", request)

    async def _ask(
        self, socket_: ClientConnection, ref: str, event: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        await socket_.send(json.dumps(["1", ref, "sync:v1", event, payload]))
        async with asyncio.timeout(_ANSWER_S):
            while True:
                frame = json.loads(await socket_.recv())
                if frame[3] != "phx_reply" or frame[1] != ref:
                    self._take(frame)
                    continue
                response: dict[str, Any] = frame[4]["response"]
                if frame[4]["status"] == "ok":
                    return response
                if response["code"] == "stale_cursor":
                    raise StaleError(self._stale(response))
                if "retry_after_ms" not in response:
                    raise ViolationError(f"{self.name}: {event} was refused: {response}")
                raise ConnectionError(f"later: {response}")

    async def _read(self, socket_: ClientConnection) -> None:
        async for frame in socket_:
            self._take(json.loads(frame))
        raise ConnectionError("the relay ended the connection")

    def _take(self, frame: list[Any]) -> None:
        _, _, _, event, payload = frame
        if event == "sync:update_batch":
            for update in payload["updates"]:
                self._take_update(update)
            self._cover(payload["covered_watermarks"])
        elif event == "sync:heartbeat":
            self._cover(payload["watermarks"])
        elif event == "sync:error" and payload["code"] == "stale_cursor":
            raise StaleError(self._stale(payload))
        else:
            raise ConnectionError(f"the relay ended the channel: {payload}")

    def _take_update(self, update: dict[str, Any]) -> None:
        topic, watermark = update["topic"], update["watermark"]
        given = self._given[topic]
        last = max(self.covered[topic], given[-1]["watermark"] if given else 0)
        if watermark <= last:
            raise ViolationError(f"{self.name}, {topic}: {watermark} came after {last}")
        given.append(update)
        self.updates += 1
        if update.get("deleted"):
            self.models[topic].pop(update["doc_key"], None)
        else:
            self.models[topic][update["doc_key"]] = (int(update["doc_version"]), update["payload"])

    def _cover(self, entries: Sequence[dict[str, Any]]) -> None:
        for entry in entries:
            topic, watermark = entry["topic"], entry["watermark"]
            if watermark < self.covered[topic]:
                raise ViolationError(f"{self.name}, {topic}: covered went back to {watermark}")
            self.covered[topic] = watermark

    def _stale(self, payload: dict[str, Any]) -> list[str]:
        for entry in payload["stale_topics"]:
            if entry["reason"] != "below_floor" or (
                entry["resume_after"] + 1 >= entry["retention_floor"]
            ):
                raise ViolationError(f"{self.name}: {entry} is not stale")
        return [entry["topic"] for entry in payload["stale_topics"]]

    async def _read_snapshot(self, http: httpx.AsyncClient, topic: str) -> None:
        # What is committed now the snapshot has: the ledger is needed from here on.
        self._checked[topic] = self._ledger.complete[topic]
        token = self._relay.token(self.org, self.topics, self.name)
        model: dict[str, tuple[int, Any]] = {}
        arguments: dict[str, Any] = {}
        while True:
            answer = await http.get(
                f"{self._relay.http}/api/sync/snapshot/{topic}",
                params=arguments,
                headers={"Authorization": f"Bearer {token}"},
            )
            answer.raise_for_status()
            page = answer.json()
            for document in page["documents"]:
                model[document["doc_key"]] = (int(document["doc_version"]), document["payload"])
            arguments.setdefault("watermark", page["watermark"])
            if page["complete"]:
                break
            arguments["after_doc_key"] = page["next_doc_key"]
        self.snapshots += 1
        self.models[topic] = model
        self._given[topic].clear()
        self._checked[topic] = self.covered[topic] = arguments["watermark"]


def _reset(socket_: ClientConnection) -> None:
    """Ends a connection as a crash does: TCP reset, nothing said."""
    raw = socket_.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket_.transport.abort()
