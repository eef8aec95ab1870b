"""A joined socket that asks and collects what is pushed in between; nothing is interpreted."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from support.relay.client_relay import RelayUnderTest
from support.trials.waiting import until
from support.wire.proto_reader import Json


@asynccontextmanager
async def joined(relay: RelayUnderTest, **claims: Any) -> AsyncIterator["Caller"]:
    url = f"{relay.ws}?vsn=2.0.0&token={relay.token(**claims)}"
    async with connect(url, max_size=None, proxy=None) as socket:
        yield Caller(socket)


class Caller:
    """A socket that sends a request and collects what comes until its answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._refs: Iterator[int] = iter(range(1, 1000))
        self.pushes: list[tuple[str, Json]] = []

    async def ask(self, event: str, payload: Json) -> tuple[str, Json]:
        ref = str(next(self._refs))
        await self._socket.send(json.dumps(["1", ref, "sync:v1", event, payload]))
        while True:
            _, answered, _, name, said = json.loads(await self._socket.recv())
            if name == "phx_reply" and answered == ref:
                return said["status"], said["response"]
            self.pushes.append((name, said))

    async def push(self, event: str) -> Json:
        """The next push of this event."""
        async with asyncio.timeout(20):
            while True:
                for place, (name, said) in enumerate(self.pushes):
                    if name == event:
                        del self.pushes[: place + 1]
                        return said
                _, _, _, name, said = json.loads(await self._socket.recv())
                self.pushes.append((name, said))

    async def garbage(self) -> None:
        await self._socket.send("not a frame")


@asynccontextmanager
async def joined_when_ready(relay: RelayUnderTest) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=relay.http, trust_env=False) as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == httpx.codes.OK

        await until(ready, "the relay is ready")
    async with joined(relay) as caller:
        yield caller
