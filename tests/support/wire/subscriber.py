"""A thin subscriber that speaks the wire by itself and keeps exact account of what it was sent.

It is not the project's client on purpose: what the one takes for granted, the other must not.
"""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException

from support.postgres.consistency import Connection, Model, apply

_LOST = (OSError, EOFError, TimeoutError, WebSocketException, InvalidHandshake, InvalidMessage)
_ANSWER_S = 20.0
CHANNEL = "sync:v1"


class RefusedByRelayError(Exception):
    """The relay answered a request with an error; `payload` is the response."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(str(payload))
        self.payload = payload


@dataclass
class Stretch:
    """What one connection was given of one topic: after `start`, up to `covered`."""

    topic: str
    start: int
    watermarks: list[int] = field(default_factory=list)
    covered: int = 0

    def __post_init__(self) -> None:
        self.covered = self.start

    def take(self, watermark: int) -> None:
        assert watermark > self.covered, (
            f"{self.topic}: {watermark} came after {self.covered} was covered"
        )
        assert not self.watermarks or watermark > self.watermarks[-1], (
            f"{self.topic}: {watermark} came after {self.watermarks[-1]}"
        )
        self.watermarks.append(watermark)

    def cover(self, watermark: int) -> None:
        assert watermark >= self.covered, f"{self.topic}: covered went back to {watermark}"
        assert not self.watermarks or watermark >= self.watermarks[-1]
        self.covered = watermark


class Subscriber:
    """One organisation's subscriber: models, cursors, and the account of every connection."""

    def __init__(self, name: str, org: str, topics: Iterable[str], url: Callable[[], str]) -> None:
        """url: called for every connection, so that each has a token of its own."""
        self.name = name
        self.org = org
        self.topics = tuple(topics)
        self.models: dict[str, Model] = {topic: {} for topic in self.topics}
        self.cursors: dict[str, int] = {}
        self.epoch: str | None = None
        self.stretches: list[Stretch] = []
        self.connections = 0
        self.frames = 0
        self.resets = 0
        self.stale: list[dict[str, Any]] = []
        self.url = url
        # Whatever takes longer, in seconds, is taken for lost.
        self.answer_s = _ANSWER_S
        self._now: dict[str, Stretch] = {}

    def has_reached(self, heads: dict[str, int]) -> bool:
        """Whether it was told that it has everything up to these watermarks."""
        return all(self.cursors.get(topic, -1) >= head for topic, head in heads.items())

    async def follow(
        self, enough: Callable[[], bool], rng: random.Random, most_frames: int | None = None
    ) -> None:
        """Stays subscribed, over as many connections as it takes, until it has enough.

        most_frames: at most so many frames later it resets its connection; None: it never does.
        """
        while not enough():
            frames = None if most_frames is None else rng.randint(0, most_frames)
            try:
                await self._converse(enough, frames)
            except (*_LOST, RefusedByRelayError) as lost:
                if isinstance(lost, RefusedByRelayError) and lost.payload["code"] != "internal":
                    raise
                await asyncio.sleep(rng.uniform(0.01, 0.1))  # back-off between attempts

    async def _converse(self, enough: Callable[[], bool], frames: int | None) -> None:
        socket_ = await connect(
            self.url(), max_size=None, compression=None, open_timeout=self.answer_s
        )
        try:
            await self.begin(socket_)
            while not enough():
                if frames is not None:
                    frames -= 1
                    if frames < 0:
                        self.reset(socket_)
                        return
                async with asyncio.timeout(self.answer_s):
                    self.take(json.loads(await socket_.recv()))
            await socket_.close()
        finally:
            if socket_.transport is not None:
                socket_.transport.abort()

    async def begin(self, socket_: ClientConnection) -> None:
        """Joins and subscribes from where it is."""
        self.connections += 1
        self._now = {}
        joined = await self._ask(socket_, "1", "phx_join", {})
        if self.epoch is None:
            self.epoch = joined["epoch"]
        request: dict[str, Any] = {"topics": list(self.topics), "resume_after": dict(self.cursors)}
        if self.cursors:
            request["epoch"] = self.epoch
        subscribed = await self._ask(socket_, "2", "sync:subscribe", request)
        for entry in subscribed["current_watermarks"]:
            topic, start = entry["topic"], entry["watermark"]
            assert self.cursors.get(topic, start) == start, "it was put somewhere else"
            self._now[topic] = Stretch(topic, start)
        assert set(self._now) == set(self.topics)
        self.stretches += self._now.values()

    async def _ask(
        self, socket_: ClientConnection, ref: str, event: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        await socket_.send(json.dumps(["1", ref, CHANNEL, event, payload]))
        async with asyncio.timeout(self.answer_s):
            while True:
                frame = json.loads(await socket_.recv())
                if frame[3] == "phx_reply" and frame[1] == ref:
                    response: dict[str, Any] = frame[4]["response"]
                    if frame[4]["status"] != "ok":
                        raise RefusedByRelayError(response)
                    return response
                if frame[3] in {"phx_error", "phx_close"}:
                    raise ConnectionError(f"the relay ended the channel: {frame[4]}")
                assert frame[3] in {"sync:heartbeat", "sync:error"}, f"too early: {frame}"

    def take(self, frame: list[Any]) -> None:
        """Books one frame; AssertionError when it should not have come."""
        _, _, channel, event, payload = frame
        assert channel == CHANNEL, frame
        self.frames += 1
        if event == "sync:update_batch":
            for update in payload["updates"]:
                self._now[update["topic"]].take(update["watermark"])
                apply(self.models[update["topic"]], update)
            for entry in payload["covered_watermarks"]:
                self._cover(entry)
        elif event == "sync:heartbeat":
            for entry in payload["watermarks"]:
                self._cover(entry)
        elif event == "sync:error" and payload["code"] == "stale_cursor":
            self.stale.append(payload)
            raise RefusedByRelayError(payload)
        else:
            assert event in {"sync:error", "phx_error", "phx_close"}, frame
            raise ConnectionError(f"the relay ended the channel: {payload}")

    def _cover(self, entry: dict[str, Any]) -> None:
        topic, watermark = entry["topic"], entry["watermark"]
        self._now[topic].cover(watermark)
        self.cursors[topic] = watermark

    def reset(self, socket_: ClientConnection) -> None:
        """Ends the connection as a crash does: TCP reset, nothing said."""
        self.resets += 1
        raw = socket_.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket_.transport.abort()

    def check(self, database: Connection, read_model: Callable[[str], Model]) -> int:
        """Compares every connection's account with the journal; how many updates it was given.

        read_model: what its organisation should have of a topic in the end.
        """
        self.check_account({t: visible_rows(database, t, self.org) for t in self.topics})
        self.check_models(read_model)
        return sum(len(stretch.watermarks) for stretch in self.stretches)

    def check_account(self, rows: dict[str, list[int]]) -> None:
        """Every connection was given these watermarks, none less and none more, in order."""
        for stretch in self.stretches:
            expected = [w for w in rows[stretch.topic] if stretch.start < w <= stretch.covered]
            given = [w for w in stretch.watermarks if w <= stretch.covered]
            assert given == expected, (
                f"{self.name}, {stretch.topic} from {stretch.start} to {stretch.covered}: "
                f"missing {sorted(set(expected) - set(given))[:5]}, "
                f"too much {sorted(set(given) - set(expected))[:5]}"
            )

    def check_models(self, read_model: Callable[[str], Model]) -> None:
        """It has what its organisation should have."""
        for topic in self.topics:
            assert self.models[topic] == read_model(topic), f"{self.name} has another {topic}"


def visible_rows(database: Connection, topic: str, org: str) -> list[int]:
    """Watermarks of the journal rows that an organisation is told of, by the rule in words.

    Its own and public documents, and those that it could see until this very row.
    """
    rows = database.execute(
        "SELECT watermark FROM runtime.sync_stream_events WHERE topic = %(topic)s AND ("
        " org_id IS NULL OR org_id = %(org)s"
        " OR (owner_changed AND (previous_org_id IS NULL OR previous_org_id = %(org)s)))"
        " ORDER BY watermark",
        {"topic": topic, "org": org},
    )
    return [watermark for (watermark,) in rows]


async def stop_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks and waits for their end."""
    pending: list[Awaitable[Any]] = []
    for task in tasks:
        task.cancel()
        pending.append(task)
    await asyncio.gather(*pending, return_exceptions=True)
