"""A process of subscribers to one peer; the benches start it and tell it what to do.

    python -m bench.support.subscribers khala|bare|nats URL TOPIC

Prints `{"ready": true}`. Then a command is a line of JSON, and so is its answer:

    {"do": "replay", "count": N}           reads the topic's first N messages
      {"seconds": S, "bytes": B}           from the request to the last message
    {"do": "follow", "subscribers": K}     opens K connections for what is new from now on
      {"subscribers": K}                   once all of them are live
    {"do": "collect", "count": N}          waits until each has got N messages
      {"arrivals": [[[number, T], …], …]}  T: nanoseconds of the machine's monotonic clock

Each peer is read with its own client: websockets, or nats-py. `bare` is the server of
bench/compare/bare_listener.py, whose messages begin with their number. What arrives is only
counted and kept; it is looked into after the last.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

_PATIENCE_S = 120


class Arrivals:
    """What one connection has been sent, and when."""

    def __init__(self, count: Callable[[Any], int], numbers: Callable[[Any], list[int]]) -> None:
        """
        count: how many messages a frame holds; numbers: which they are.
        """
        self._count = count
        self._numbers = numbers
        self._frames: list[tuple[int, Any]] = []
        self._messages = 0
        self._more = asyncio.Event()

    def take(self, frame: Any) -> None:
        """A frame has arrived."""
        self._frames.append((time.monotonic_ns(), frame))
        self._messages += self._count(frame)
        self._more.set()

    async def collect(self, count: int) -> list[tuple[int, int]]:
        """Number and time of each message since the last call, when there are so many."""
        async with asyncio.timeout(_PATIENCE_S):
            while self._messages < count:
                self._more.clear()
                await self._more.wait()
        frames, self._frames, self._messages = self._frames, [], 0
        return [(number, at) for at, frame in frames for number in self._numbers(frame)]


def read_on(stack: AsyncExitStack, socket: ClientConnection, arrivals: Arrivals) -> None:
    """Takes what comes until the stack is closed."""

    async def read() -> None:
        async for frame in socket:
            arrivals.take(frame)

    reading = asyncio.create_task(read())
    stack.callback(reading.cancel)


class Khala:
    """Sockets of a relay."""

    def __init__(self, url: str, topic: str) -> None:
        self._url = url
        self._topic = topic

    async def _join(self, stack: AsyncExitStack) -> ClientConnection:
        socket = await stack.enter_async_context(
            connect(self._url, max_size=None, compression=None, proxy=None)
        )
        await self._ask(socket, "phx_join", {})
        return socket

    async def _ask(
        self, socket: ClientConnection, event: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """Sends a request until it is granted: a relay that has just started may say "later"."""
        while True:
            await socket.send(json.dumps(["1", "1", "sync:v1", event, payload]))
            frame = json.loads(await socket.recv())
            while frame[3] != "phx_reply":
                frame = json.loads(await socket.recv())
            if frame[4]["status"] == "ok":
                response: dict[str, Any] = frame[4]["response"]
                return response
            if "retry_after_ms" not in frame[4]["response"]:
                raise RuntimeError(f"{event} was refused: {frame}")
            await asyncio.sleep(0.1)

    async def replay(self, count: int) -> tuple[float, int]:
        """Seconds and bytes of the first messages."""
        async with AsyncExitStack() as stack:
            socket = await self._join(stack)
            started, updates, size = time.perf_counter(), 0, 0
            request = {"topics": [self._topic], "resume_after": {self._topic: 0}}
            await self._ask(socket, "sync:subscribe", request)
            async for frame in socket:
                updates += self._count(frame)
                size += len(frame)
                if updates >= count:
                    break
            return time.perf_counter() - started, size

    async def follow(self, stack: AsyncExitStack) -> Arrivals:
        """A socket that is live from the head on."""
        socket = await self._join(stack)
        request: dict[str, Any] = {"topics": [self._topic]}
        # The response to any subscribe has the head.
        response = await self._ask(socket, "sync:subscribe", request)
        await self._ask(socket, "sync:unsubscribe", request)
        heads = {each["topic"]: each["watermark"] for each in response["head_watermarks"]}
        await self._ask(socket, "sync:subscribe", {**request, "resume_after": heads})
        while '"replay_complete":true' not in str(await socket.recv()):
            pass
        arrivals = Arrivals(self._count, self._numbers)
        read_on(stack, socket, arrivals)
        return arrivals

    @staticmethod
    def _count(frame: Any) -> int:
        return int(frame.count('"doc_key":'))

    @staticmethod
    def _numbers(frame: Any) -> list[int]:
        payload = json.loads(frame)[4]
        return [int(update["watermark"]) for update in payload.get("updates", ())]


class Bare:
    """Sockets of a server that sends to all of them, is asked nothing, and has no history."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def follow(self, stack: AsyncExitStack) -> Arrivals:
        """A socket that gets what is new."""
        socket = await stack.enter_async_context(connect(self._url, compression=None, proxy=None))
        arrivals = Arrivals(lambda _: 1, lambda frame: [int(frame)])
        read_on(stack, socket, arrivals)
        return arrivals


class Nats:
    """Ordered consumers of a stream."""

    def __init__(self, url: str, topic: str) -> None:
        self._url = url
        self._topic = topic

    async def _connect(self, stack: AsyncExitStack) -> Any:
        import nats

        client = await nats.connect(self._url)
        stack.push_async_callback(client.close)
        return client.jetstream()

    async def replay(self, count: int) -> tuple[float, int]:
        """Seconds and bytes of the first messages."""
        async with AsyncExitStack() as stack:
            stream = await self._connect(stack)
            got, size, done = 0, 0, asyncio.Event()

            async def take(message: Any) -> None:
                nonlocal got, size
                got += 1
                size += len(message.data)
                if got == count:
                    done.set()

            started = time.perf_counter()
            await stream.subscribe(self._topic, cb=take, ordered_consumer=True)
            async with asyncio.timeout(_PATIENCE_S):
                await done.wait()
            return time.perf_counter() - started, size

    async def follow(self, stack: AsyncExitStack) -> Arrivals:
        """A connection whose consumer gets what is new."""
        from nats.js.api import DeliverPolicy

        stream = await self._connect(stack)
        arrivals = Arrivals(lambda _: 1, lambda message: [message.metadata.sequence.stream])

        async def take(message: Any) -> None:
            arrivals.take(message)

        await stream.subscribe(
            self._topic, cb=take, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW
        )
        return arrivals


async def main() -> None:
    peer, url, topic = sys.argv[1:]
    client: Khala | Bare | Nats
    match peer:
        case "khala":
            client = Khala(url, topic)
        case "bare":
            client = Bare(url)
        case _:
            client = Nats(url, topic)
    followers: list[Arrivals] = []
    print(json.dumps({"ready": True}), flush=True)
    async with AsyncExitStack() as stack:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            gc.collect()
            answer: dict[str, Any]
            match command["do"]:
                case "replay" if not isinstance(client, Bare):
                    seconds, size = await client.replay(command["count"])
                    answer = {"seconds": seconds, "bytes": size}
                case "follow":
                    wanted = command["subscribers"]
                    followers = [await client.follow(stack) for _ in range(wanted)]
                    answer = {"subscribers": len(followers)}
                    # A pause of the collector would count as time on the way.
                    gc.freeze()
                    gc.disable()
                case "collect":
                    each = [await one.collect(command["count"]) for one in followers]
                    answer = {"arrivals": each}
                case unknown:
                    raise ValueError(f"there is no command {unknown!r}")
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
