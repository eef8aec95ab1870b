"""Postgres goes away under connected clients: they stay, are told, and go on by themselves."""

import asyncio
import random
from functools import partial
from pathlib import Path

import pytest

from khala_pg.client import Backoff, ConnectionState, KhalaClient, Status, TopicPhase
from khala_pg.postgres.server import StopMode
from support.postgres.consistency import Model, check_topic, visible
from support.postgres.databases import Database
from support.relay.relay_process import QUICK, relay_process
from support.relay.relays import NOTES, RUNS, Peer
from support.trials.waiting import until
from support.wire.subscriber import Subscriber

ORG = "red"
PATIENCE_S = 60.0
LIMITS = {**QUICK, "heartbeat_interval_s": 0.2, "database_timeout_s": 1.0}


def write(database: Database, version: int) -> None:
    with database.connect("runtime") as connection:
        for key in ("a", "b"):
            connection.execute(
                "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)",
                [RUNS, key, version, f'{{"n": {version}}}', ORG],
            )


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_sockets_stay_requests_are_answered_delivery_resumes(
    own_database: Database, tmp_path: Path, mode: StopMode
) -> None:
    server = own_database.server
    states: list[ConnectionState] = []

    def note(status: Status) -> None:
        states.append(status.state)

    with relay_process(own_database.relay_dsn, tmp_path, LIMITS) as relay:
        write(own_database, 1)
        raw = Subscriber("raw", ORG, [RUNS], partial(relay.url, ORG))
        is_over = asyncio.Event()
        async with (
            Peer(relay.url(ORG)) as peer,
            KhalaClient(
                lambda: relay.endpoint(ORG),
                [RUNS],
                backoff=Backoff(base=0.02, cap=0.2),
                on_status=note,
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(raw.follow(is_over.is_set, random.Random(0)))
            await peer.join()
            await peer.subscribe(RUNS)
            await peer.event("sync:update_batch")
            await client.caught_up()
            await until(lambda: raw.has_reached({RUNS: 2}), "the raw subscriber is live")
            states.clear()
            for round_ in (2, 3):
                await asyncio.to_thread(server.stop, mode)
                # A request that needs the database is answered, with when to try again.
                refused = await peer.ask_in_vain("sync:subscribe", {"topics": [NOTES]})
                assert refused["code"] == "internal"
                assert refused["message"]
                assert refused["retry_after_ms"] > 0
                await until(lambda: not relay.is_ready(), "the relay notices", PATIENCE_S)
                # One that does not is served; the server's own heartbeats go on.
                assert (await peer.ask("sync:heartbeat", {}))["watermarks"]
                peer.frames.clear()
                for _ in range(3):
                    heartbeat = await peer.event("sync:heartbeat")
                    assert [entry["topic"] for entry in heartbeat["watermarks"]] == [RUNS]
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(write, own_database, round_)
                await peer.updates_until(2 * round_, RUNS)
                await until(lambda: raw.has_reached({RUNS: 2 * round_}), "it resumes", PATIENCE_S)  # noqa: B023 - within the round
                await until(
                    lambda: client.status.topics[RUNS].watermark == 2 * round_,  # noqa: B023
                    "the client resumes",
                    PATIENCE_S,
                )
                await until(relay.is_ready, "the relay says so", PATIENCE_S)
            await peer.subscribe(NOTES)
            # It stops at the next frame it is given.
            is_over.set()
        assert set(states) <= {ConnectionState.CONNECTED, ConnectionState.CLOSED}, states
        assert raw.connections == 1
        with own_database.connect() as connection:
            check_topic(connection, RUNS)
            assert raw.check(connection, partial(read_model, own_database)) == 6


def read_model(database: Database, topic: str) -> Model:
    with database.connect() as connection:
        return visible(connection, topic, ORG)


async def test_clients_that_come_while_it_is_away_are_served_when_it_is_back(
    own_database: Database, tmp_path: Path
) -> None:
    with relay_process(own_database.relay_dsn, tmp_path, LIMITS) as relay:
        write(own_database, 1)
        await asyncio.to_thread(own_database.server.stop, "immediate")
        raw = Subscriber("raw", ORG, [RUNS], partial(relay.url, ORG))
        async with (
            KhalaClient(
                lambda: relay.endpoint(ORG), [RUNS], backoff=Backoff(base=0.02, cap=0.2)
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(raw.follow(lambda: raw.has_reached({RUNS: 4}), random.Random(0)))
            await until(lambda: raw.connections > 1, "it was refused and tries again", PATIENCE_S)
            await until(
                lambda: client.status.topics[RUNS].phase is TopicPhase.RECOVERING,
                "the client asks for a snapshot, in vain",
                PATIENCE_S,
            )
            # A relay that starts without its database serves all the same.
            await asyncio.to_thread(relay.kill)
            await asyncio.to_thread(relay.start)
            assert not relay.is_ready()
            await asyncio.to_thread(own_database.server.start)
            await asyncio.to_thread(write, own_database, 2)
            await until(lambda: client.status.topics[RUNS].watermark == 4, "the client is served")
        with own_database.connect() as connection:
            raw.check(connection, partial(read_model, own_database))
