"""A relay with one subscriber that throws away what it gets; the benches start it as a process.

    python bench/listening.py DSN TOPIC … [--poll SECONDS]

Subscribes from the present heads and says `ready`. A line of input ends it: when everything that
was written by then has come it says how many updates that were, and fails when that takes over a
minute. `--poll` looks for updates that often, whether or not anything woke the relay.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from khala_pg import keyring as keys
from khala_pg.relay.server import Addresses, Relay
from khala_pg.relay.settings import RelaySettings

_PATIENCE_S = 60


def heads_of(dsn: str, topics: list[str]) -> dict[str, int]:
    """The last watermark of each topic."""
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT topic, head_watermark FROM runtime.sync_topic_sequences"
                " WHERE topic = ANY (%s)",
                [topics],
            ).fetchall()
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


class Count:
    """Updates received, and a wait for a number of them."""

    def __init__(self) -> None:
        self.updates = 0
        self._more = asyncio.Condition()

    async def run(self, socket: ClientConnection) -> None:
        async for frame in socket:
            self.updates += str(frame).count('"doc_key":')
            async with self._more:
                self._more.notify_all()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(_PATIENCE_S), self._more:
            await self._more.wait_for(lambda: self.updates >= number)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--poll", type=float, default=5.0)
    options = parser.parse_args()
    ring = keys.generate()
    settings = RelaySettings(options.dsn, ws_port=0, slow_poll_interval_s=options.poll)
    stop = asyncio.Event()
    addresses: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    count = Count()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Relay(settings, ring).run(stop, addresses.set_result))
        token = keys.sign_token(ring, org_id="org-a", scopes=tuple(options.topics))
        url = f"{(await addresses).ws}?vsn=2.0.0&token={token}"
        async with connect(url, max_size=None, compression=None, proxy=None) as socket:
            before = heads_of(options.dsn, options.topics)
            await ask(socket, "phx_join", {})
            await ask(socket, "sync:subscribe", {"topics": [*before], "resume_after": before})
            counting = tasks.create_task(count.run(socket))
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            after = heads_of(options.dsn, options.topics)
            await count.until(sum(after.values()) - sum(before.values()))
            counting.cancel()
        stop.set()
    print(json.dumps({"updates": count.updates}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
