"""The Phoenix client of PyPI, unmodified, which drops a push that does not carry its join_ref.

typescript/khala-client/test/phoenix.test.ts has the official JavaScript client and Supabase's.
"""

import asyncio
import json
from typing import Any

from phoenix_channels_python_client import PHXChannelsClient
from phoenix_channels_python_client.phx_messages import ChannelMessage

from khala_pg.client import KhalaClient
from support.postgres.databases import Database
from support.relay.client_relay import RUNS, SOON, RelayUnderTest, running_relay, sink

CHANNEL = "sync:v1"


class Peer:
    """A client of that package, and what it hands to its program."""

    def __init__(self, url: str) -> None:
        self.client = PHXChannelsClient(url, "none", heartbeat_interval_s=0.2)
        self.got: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def take(self, message: ChannelMessage) -> None:
        await self.got.put((str(message.event), message.payload))

    async def request(self, event: str, payload: dict[str, Any]) -> None:
        """The package joins and listens; what else is sent is sent on its socket."""
        connection = self.client.connection
        assert connection is not None
        join_ref = self.client.get_current_subscriptions()[CHANNEL].join_ref
        await connection.send(json.dumps([join_ref, "900", CHANNEL, event, payload]))

    async def next(self, event: str) -> dict[str, Any]:
        """The payload of the next message of that name."""
        async with asyncio.timeout(30):
            while True:
                name, payload = await self.got.get()
                if name == event:
                    return payload


async def serves(relay: RelayUnderTest) -> None:
    """Waits until a join succeeds: the package takes a refused one for final."""
    async with KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client:
        await client.caught_up()


async def test_it_gets_replay_live_updates_heartbeats_and_errors(newest_database: Database) -> None:
    sink(newest_database, "before", 1, {"n": 1})
    async with running_relay(newest_database.relay_dsn) as relay:
        await serves(relay)
        peer = Peer(f"{relay.ws}?token={relay.token()}")
        async with peer.client:
            await peer.client.subscribe_to_topic(CHANNEL, peer.take)
            await peer.request("sync:subscribe", {"topics": [RUNS]})
            replayed = await peer.next("sync:update_batch")
            assert [update["doc_key"] for update in replayed["updates"]] == ["before"]

            sink(newest_database, "live", 1, {"n": 1})
            live = await peer.next("sync:update_batch")
            assert [update["doc_key"] for update in live["updates"]] == ["live"]

            heartbeat = await peer.next("sync:heartbeat")
            assert heartbeat["watermarks"] == [{"topic": RUNS, "watermark": 2}]

            await peer.request("sync:subscribe", {"topics": [RUNS], "resume_after": {RUNS: 99}})
            stale = await peer.next("sync:error")
            assert stale["code"] == "stale_cursor"


async def test_it_rejoins_and_gets_what_its_new_join_gets(newest_database: Database) -> None:
    async with running_relay(newest_database.relay_dsn) as relay:
        await serves(relay)
        peer = Peer(f"{relay.ws}?token={relay.token()}")
        async with peer.client:
            for number in (1, 2):
                await peer.client.subscribe_to_topic(CHANNEL, peer.take)
                await peer.request("sync:subscribe", {"topics": [RUNS]})
                await peer.next("sync:update_batch")
                sink(newest_database, f"live {number}", 1, {"n": 1})
                live = await peer.next("sync:update_batch")
                assert [update["doc_key"] for update in live["updates"]] == [f"live {number}"]
                await peer.client.unsubscribe_from_topic(CHANNEL)
