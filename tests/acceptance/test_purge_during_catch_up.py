"""A purge overtakes subscribers that catch up: they get every row or are told, never a gap."""

import asyncio
import random
from functools import partial
from pathlib import Path
from typing import Any

from khala_pg.client import Backoff, KhalaClient, Start, TopicPhase
from support.postgres.consistency import check_topic, visible
from support.postgres.databases import Database
from support.relay.relay_process import QUICK, RelayProcess, relay_process
from support.trials.scale import scaled
from support.trials.seeds import stream
from support.trials.waiting import until
from support.wire.subscriber import RefusedByRelayError, Subscriber

TOPIC = "runtime.run_summaries"
ORG = "red"
ROWS = scaled(6_000, 1_000)
READERS = 8
PATIENCE_S = 60.0
# Small pages and small buffers, so that catching up takes long enough to be overtaken.
LIMITS = {**QUICK, "max_batch_updates": 20}
_FILL = """
SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key', 'doc ' || n %% 300,
    'doc_version', n, 'payload', jsonb_build_object('n', n, 'text', repeat('x', 400))) ORDER BY n))
FROM generate_series(%s::int, %s) AS n
"""
_PURGE = "SELECT more FROM khala.retain(%s, now() + '1 day', '0', %s)"


def fill(database: Database, first: int, last: int) -> None:
    with database.connect() as connection:
        for start in range(first, last + 1, 300):
            connection.execute(_FILL, [TOPIC, start, min(start + 299, last)])


async def catch_up(
    subscriber: Subscriber, rng: random.Random, heads: dict[str, int], most_frames: int | None
) -> int:
    """Pages from its cursor; what is told to be stale is begun anew, with nothing kept.

    Returns how many times it was told, in the middle of pages or when it subscribed.
    """
    told = 0
    while not subscriber.has_reached(heads):
        try:
            await subscriber.follow(lambda: subscriber.has_reached(heads), rng, most_frames)
        except RefusedByRelayError as refused:
            check_stale(refused.payload, subscriber.cursors.get(TOPIC))
            told += 1
            subscriber.cursors.clear()
            subscriber.models[TOPIC].clear()
    return told


def check_stale(payload: dict[str, Any], cursor: int | None) -> None:
    assert payload["code"] == "stale_cursor", payload
    assert payload["full_resync_required"] is True
    [entry] = payload["stale_topics"]
    assert entry["topic"] == TOPIC
    assert entry["reason"] == "below_floor"
    assert entry["resume_after"] + 1 < entry["retention_floor"]
    assert cursor in {None, entry["resume_after"]}


def purge_all(database: Database, rng: random.Random) -> None:
    with database.connect("dba") as connection:
        while True:
            row = connection.execute(_PURGE, [TOPIC, rng.randint(200, 1000)]).fetchone()
            if row is None or not row[0]:
                return


def overtake(database: Database, first: int, last: int) -> None:
    """Writes rows and purges them in the same transaction: nobody can have read them before."""
    with database.connect() as connection, connection.transaction():
        connection.execute(_FILL, [TOPIC, first, last])
        row = connection.execute(_PURGE, [TOPIC, 1_000_000]).fetchone()
    assert row == (False,)


async def test_subscribers_get_every_row_or_are_told(
    newest_database: Database, tmp_path: Path, seed: int
) -> None:
    """Each stretch of watermarks that a subscriber was told is covered has no hole in it.

    The journal is gone in the end, so a stretch is held against the numbers themselves: every
    document here is public, and every watermark is a row.

    The first purge overtakes those that catch up slowly, the second one everybody. The first
    subscriber keeps its connection, so it is told in the middle of pages.
    """
    fill(newest_database, 1, ROWS)
    with relay_process(newest_database.relay_dsn, tmp_path, LIMITS) as relay:
        subscribers = [
            Subscriber(f"subscriber {n}", ORG, [TOPIC], partial(relay.url, ORG))
            for n in range(READERS)
        ]
        heads = {TOPIC: ROWS + 600}
        async with asyncio.TaskGroup() as group:
            catching_up = [
                group.create_task(
                    catch_up(each, stream(seed, each.name), heads, 60 if n > 0 else None)
                )
                for n, each in enumerate(subscribers)
            ]
            await until(
                lambda: any(s.cursors.get(TOPIC, 0) > 0 for s in subscribers),
                "somebody is catching up",
                PATIENCE_S,
            )
            await asyncio.to_thread(purge_all, newest_database, stream(seed, "purge"))
            await until(
                lambda: all(s.cursors.get(TOPIC, 0) > 0 for s in subscribers),
                "everybody has a cursor",
                PATIENCE_S,
            )
            await asyncio.to_thread(overtake, newest_database, ROWS + 1, ROWS + 300)
            await asyncio.to_thread(fill, newest_database, ROWS + 301, ROWS + 600)
    for subscriber in subscribers:
        for stretch in subscriber.stretches:
            given = [w for w in stretch.watermarks if w <= stretch.covered]
            assert given == list(range(stretch.start + 1, stretch.covered + 1)), (
                f"{subscriber.name}: a gap between {stretch.start} and {stretch.covered}"
            )
    told = [task.result() for task in catching_up]
    print(f"{READERS} subscribers were told so many times that their cursor is stale: {told}")
    assert all(told), "the purge did not overtake everybody"
    assert subscribers[0].stale, "nobody is known to be told in the middle of pages"


async def test_clients_take_a_snapshot_and_end_with_the_read_model(
    newest_database: Database, tmp_path: Path, seed: int
) -> None:
    """The project's client is overtaken as well, and recovers by itself."""
    fill(newest_database, 1, ROWS)
    phases: tuple[set[TopicPhase], set[TopicPhase]] = (set(), set())
    with relay_process(newest_database.relay_dsn, tmp_path, LIMITS) as relay:
        async with (
            _client(relay, phases[0]) as first,
            _client(relay, phases[1]) as second,
        ):
            clients = (first, second)
            await until(
                lambda: all((c.status.topics[TOPIC].watermark or 0) > 0 for c in clients),
                "everybody is catching up",
                PATIENCE_S,
            )
            await asyncio.to_thread(purge_all, newest_database, stream(seed, "purge"))
            await asyncio.to_thread(overtake, newest_database, ROWS + 1, ROWS + 300)
            await asyncio.to_thread(fill, newest_database, ROWS + 301, ROWS + 330)
            for client in clients:
                await until(
                    lambda client=client: client.status.topics[TOPIC].watermark == ROWS + 330,
                    "the client reaches the head",
                    PATIENCE_S,
                )
            with newest_database.connect() as connection:
                check_topic(connection, TOPIC)
                expected = visible(connection, TOPIC, ORG)
            for client in clients:
                documents = client.documents(TOPIC)
                assert {k: (d.doc_version, d.payload) for k, d in documents.items()} == expected
    assert all(TopicPhase.RECOVERING in met for met in phases), phases


def _client(relay: RelayProcess, phases: set[TopicPhase]) -> KhalaClient:
    return KhalaClient(
        lambda: relay.endpoint(ORG),
        [TOPIC],
        start=Start(snapshot=False),
        backoff=Backoff(base=0.02, cap=0.2),
        on_status=lambda status: phases.add(status.topics[TOPIC].phase),
    )
