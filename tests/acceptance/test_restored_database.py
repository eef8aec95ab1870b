"""An older backup is put back under a relay and its clients: all of them start over, none misses.

Watermarks run again after a restore. A client that kept its cursor would take the new rows below it
for ones that it has, so everybody has to be told, even those that stay connected throughout.
"""

import asyncio
import random
from functools import partial
from pathlib import Path

import pytest

from khala_pg.client import Backoff, KhalaClient, SqliteStore, Start
from support.postgres.consistency import Model, visible
from support.postgres.databases import Database
from support.postgres.dumps import dump, restore_over
from support.relay.relay_process import RelayProcess, relay_process
from support.trials.waiting import until
from support.wire.subscriber import RefusedByRelayError, Subscriber

TOPIC = "runtime.run_summaries"
ORG = "red"
PATIENCE_S = 60.0
_SINK = "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)"


def write(database: Database, first: int, last: int, mark: str) -> None:
    """Watermarks `first` to `last`: every second one changes one and the same document."""
    with database.connect("runtime") as connection:
        for number in range(first, last + 1):
            key = f"{mark} {number}" if number % 2 else "shared"
            connection.execute(_SINK, [TOPIC, key, number, f'{{"from": "{mark}"}}', ORG])


def expected(database: Database) -> Model:
    with database.connect() as connection:
        return visible(connection, TOPIC, ORG)


def head(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s", [TOPIC]
        ).fetchone()
        assert row is not None
        return int(row[0])


def client(relay: RelayProcess, store: Path) -> KhalaClient:
    return KhalaClient(
        lambda: relay.endpoint(ORG),
        [TOPIC],
        store=SqliteStore(store),
        start=Start(snapshot=False),
        backoff=Backoff(base=0.02, cap=0.2),
    )


def has(one: KhalaClient, model: Model) -> bool:
    documents = one.documents(TOPIC)
    return {k: (d.doc_version, d.payload) for k, d in documents.items()} == model


async def follow(subscriber: Subscriber, enough: asyncio.Event, reasons: list[str]) -> None:
    """As a client must: what is stale is never used again; begin with nothing."""
    while not enough.is_set():
        try:
            await subscriber.follow(enough.is_set, random.Random(0))
        except RefusedByRelayError as refused:
            reasons += [entry["reason"] for entry in refused.payload["stale_topics"]]
            subscriber.cursors.clear()
            subscriber.models[TOPIC].clear()
            subscriber.epoch = None


@pytest.mark.parametrize("last", [7, 10, 30])
@pytest.mark.parametrize("relay_runs_on", [True, False])
async def test_everybody_ends_with_what_was_restored(
    newest_database: Database, tmp_path: Path, last: int, relay_runs_on: bool
) -> None:
    """The backup holds 10 watermarks, the clients have 20, and then `last` are written."""
    write(newest_database, 1, 10, "before")
    dump(newest_database, tmp_path / "backup")
    write(newest_database, 11, 20, "lost")
    enough = asyncio.Event()
    reasons: list[str] = []
    raw = Subscriber("raw", ORG, [TOPIC], lambda: relay.url(ORG))
    with relay_process(newest_database.relay_dsn, tmp_path) as relay:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(raw, enough, reasons))
            async with client(relay, tmp_path / "away.sqlite") as away:
                await until(partial(has, away, expected(newest_database)), "it has everything")
            async with client(relay, tmp_path / "present.sqlite") as present:
                await until(partial(has, present, expected(newest_database)), "it has everything")
                await until(lambda: raw.has_reached({TOPIC: 20}), "the raw one has everything")

                if not relay_runs_on:
                    await asyncio.to_thread(relay.terminate)
                await asyncio.to_thread(restore_over, newest_database, tmp_path / "backup")
                await asyncio.to_thread(write, newest_database, 11, 10 + last, "after")
                if not relay_runs_on:
                    relay.start()
                model = expected(newest_database)
                assert not any(payload["from"] == "lost" for _, payload in model.values())
                await until(
                    lambda: has(present, model), "the client that stayed has it", PATIENCE_S
                )
                await until(
                    lambda: (
                        reasons != []
                        and raw.models[TOPIC] == model
                        and raw.has_reached({TOPIC: 10 + last})
                    ),
                    "the raw subscriber was told, and has it",
                    PATIENCE_S,
                )
                assert set(reasons) <= {"epoch_changed", "cursor_ahead"}
                # And live goes on, for those that stayed and for one that was away all the time.
                async with client(relay, tmp_path / "away.sqlite") as back:
                    await asyncio.to_thread(write, newest_database, 11 + last, 14 + last, "live")
                    model = expected(newest_database)
                    for one in (present, back):
                        await until(partial(has, one, model), "all have it", PATIENCE_S)
                    await until(lambda: raw.models[TOPIC] == model, "the raw one too", PATIENCE_S)
            enough.set()
            await following
    assert head(newest_database) == 14 + last


async def test_commits_lost_in_a_crash_are_not_taken_for_delivered(
    own_database: Database, tmp_path: Path
) -> None:
    """A runtime that does not wait for its commits to be on disk loses some when Postgres crashes.

    A subscriber may have been given them by then. What is written in their place must reach it.
    """
    with own_database.connect() as connection:
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '4s'")
        connection.execute("SELECT pg_reload_conf()")
    with relay_process(own_database.relay_dsn, tmp_path) as relay:
        async with client(relay, tmp_path / "store.sqlite") as one:
            write(own_database, 1, 1, "before")
            await until(partial(has, one, expected(own_database)), "it has the first")
            with own_database.connect("runtime") as careless:
                careless.execute("SET synchronous_commit = off")
                careless.execute(_SINK, [TOPIC, "careless", 1, '{"from": "careless"}', ORG])
                await until(lambda: "careless" in one.documents(TOPIC), "it was delivered")
                await asyncio.to_thread(own_database.server.restart, "immediate")
            await asyncio.to_thread(write, own_database, 3, 3, "after")
            model = expected(own_database)
            assert "after 3" in model
            await until(partial(has, one, model), "it has what is there", PATIENCE_S)
