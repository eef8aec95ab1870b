"""Everybody comes back at once after a restart: spread by the relay, each served in the end.

2,000 clients take most of a minute on a small machine, so `make test` does it with 200; set
KHALA_TEST_STORM for another number. Only loopback is used.
"""

import asyncio
import json
import os
import random
import time
from dataclasses import dataclass

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from support.postgres.databases import Database
from support.relay.relays import CHANNEL, NOTES, RunningRelay, ready_relay, running_relay, writer

_CLIENTS = int(os.environ.get("KHALA_TEST_STORM", "200"))
_RATE_PER_S = 100.0
_BURST = 50
_DOCUMENTS = 20


@dataclass
class Joined:
    """How one client got in."""

    refusals: int
    waited_s: float


async def join(running: RunningRelay, started: float, everyone: asyncio.Barrier) -> Joined:
    """Opens a socket, as often as told to come back, subscribes and reads up to the head."""
    url = running.url(running.token("org-a", subject=f"s{random.randrange(10**9)}"))
    refusals = 0
    while True:
        try:
            async with connect(url, compression=None, open_timeout=60) as socket:
                wanted = {"topics": [NOTES], "resume_after": {NOTES: 0}}
                subscribe = json.dumps(["1", "2", CHANNEL, "sync:subscribe", wanted])
                await socket.send(json.dumps(["1", "1", CHANNEL, "phx_join", {}]))
                await socket.send(subscribe)
                updates: list[int] = []
                while len(updates) < _DOCUMENTS:
                    frame = json.loads(await socket.recv())
                    if frame[3] == "sync:update_batch":
                        updates += [update["watermark"] for update in frame[4]["updates"]]
                    elif frame[3] == "phx_reply" and frame[4]["status"] != "ok":
                        # The relay is busy with the others: ask again when it says, as any client.
                        error = frame[4]["response"]
                        assert error["code"] == "internal", frame
                        refusals += 1
                        await asyncio.sleep(error["retry_after_ms"] / 1000)
                        await socket.send(subscribe)
                assert updates == list(range(1, _DOCUMENTS + 1))
                waited_s = time.monotonic() - started
                # All of them are connected at once before any of them leaves.
                await everyone.wait()
                return Joined(refusals, waited_s)
        except InvalidStatus as refused:
            refusals += 1
            await asyncio.sleep(told_to_wait_s(refused))
        except (OSError, InvalidMessage):
            # The listening socket's backlog is full: as any client, come back a moment later.
            await asyncio.sleep(random.uniform(0.1, 1))


def told_to_wait_s(refused: InvalidStatus) -> float:
    """When to come back, as the answer says in both of its places."""
    body = json.loads(refused.response.body or b"")
    assert (refused.response.status_code, body["code"]) == (503, "rate_limited")
    assert int(refused.response.headers["Retry-After"]) * 1000 >= body["retry_after_ms"]
    return float(body["retry_after_ms"]) / 1000


@pytest.mark.slow
async def test_a_storm_is_spread_and_everybody_served(newest_database: Database) -> None:
    async with writer(newest_database) as write:
        await write.sink_many(_DOCUMENTS)
    async with running_relay(
        newest_database,
        max_handshakes_per_second=_RATE_PER_S,
        max_handshake_burst=_BURST,
        max_connections_per_ip=_CLIENTS,
    ) as running:
        await ready_relay(running)
        started, everyone = time.monotonic(), asyncio.Barrier(_CLIENTS)
        async with asyncio.timeout(30 + 6 * _CLIENTS / _RATE_PER_S), asyncio.TaskGroup() as group:
            tasks = [group.create_task(join(running, started, everyone)) for _ in range(_CLIENTS)]
        found = [task.result() for task in tasks]
    refusals = sorted(each.refusals for each in found)
    waits = sorted(each.waited_s for each in found)
    print(
        f"{_CLIENTS} clients: {sum(refusals)} refusals, at most {refusals[-1]} for one; "
        f"in after {waits[len(waits) // 2]:.1f} s (median), {waits[-1]:.1f} s (last)"
    )
    assert refusals[0] == 0
    # Fair: nobody is sent away again and again while others get in.
    assert refusals[-1] <= 5
