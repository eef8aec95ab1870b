"""One store under another organisation, a stale cursor and another epoch.

typescript/khala-client/test/store-rule.test.ts is the same story.
"""

import time
from pathlib import Path

import pytest

from khala_pg.client import Endpoint, KhalaClient, SqliteStore, Start
from support.postgres.databases import Database
from support.relay.client_relay import (
    NOTES,
    ORG,
    RUNS,
    SOON,
    RelayUnderTest,
    contents,
    running_relay,
    sink,
)
from support.trials.waiting import until

OTHER = "other"


async def follow(relay: RelayUnderTest, path: Path, org: str, start: Start) -> dict[str, int]:
    """Follows the topic until it is live; the versions that are shown then, by key."""
    store = SqliteStore(path)
    async with KhalaClient(
        lambda: relay.endpoint(org=org), [RUNS], store=store, start=start, backoff=SOON
    ) as client:
        await client.caught_up()
        assert client.status.topics[RUNS].watermark is not None
        return {key: document.doc_version for key, document in client.documents(RUNS).items()}


async def stored(path: Path) -> tuple[str, dict[str, int]]:
    """The organisation of the stored cursor, and the stored versions by key."""
    store = SqliteStore(path)
    found = await store.load([RUNS])
    await store.close()
    (cursor,) = found.cursors
    return cursor.org, {document.doc_key: document.doc_version for document in found.documents}


@pytest.mark.parametrize("snapshot", [True, False])
async def test_what_a_store_holds_counts_for_one_organisation_and_one_epoch(
    newest_database: Database, tmp_path: Path, snapshot: bool
) -> None:
    path, start = tmp_path / "state", Start(snapshot=snapshot)
    sink(newest_database, "ours", 1, {"n": 1})
    sink(newest_database, "theirs", 1, {"n": 1}, org=OTHER)
    async with running_relay(newest_database.relay_dsn) as relay:
        assert await follow(relay, path, ORG, start) == {"ours": 1}
        assert await stored(path) == (ORG, {"ours": 1})

        # Another organisation: nothing of the first is shown or kept, nothing of its own is missed.
        assert await follow(relay, path, OTHER, start) == {"theirs": 1}
        assert await stored(path) == (OTHER, {"theirs": 1})

        # A stale cursor: what was deleted and purged meanwhile is gone.
        sink(newest_database, "theirs", 2, None, org=OTHER)
        sink(newest_database, "new", 1, {"n": 1}, org=OTHER)
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.retain(p_horizon => '0', p_batch => 1000000)")
        assert await follow(relay, path, OTHER, start) == {"new": 1}
        assert await stored(path) == (OTHER, {"new": 1})

        # Another epoch: history took another course, and versions may go down.
        with newest_database.connect() as connection:
            connection.execute("SELECT khala.new_epoch('test')")
            connection.execute(
                "UPDATE runtime.sync_documents SET doc_key = 'restored', doc_version = 0"
                " WHERE doc_key = 'new'"
            )
        assert await follow(relay, path, OTHER, start) == {"restored": 0}
        assert await stored(path) == (OTHER, {"restored": 0})


async def test_changes_say_that_documents_of_another_organisation_are_gone(
    newest_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    sink(newest_database, "ours", 1, {"n": 1})
    sink(newest_database, "theirs", 1, {"n": 1}, org=OTHER)
    changes: list[tuple[str, str]] = []
    async with running_relay(newest_database.relay_dsn) as relay:
        await follow(relay, path, ORG, Start())
        async with KhalaClient(
            lambda: relay.endpoint(org=OTHER), [RUNS], store=SqliteStore(path), backoff=SOON
        ) as client:
            assert set(contents(client)) == {"ours"}
            async for change in client.changes():
                changes.append((change.kind, change.doc_key))
                if len(changes) == 2:
                    break
    assert changes == [("remove", "ours"), ("put", "theirs")]


@pytest.mark.parametrize("when", ["connected", "catching up"])
async def test_a_token_of_another_organisation_while_the_client_runs(
    newest_database: Database, tmp_path: Path, when: str
) -> None:
    path, topics = tmp_path / "state", [RUNS, NOTES]
    for topic in topics:
        for number in range(20):
            sink(newest_database, f"ours {number}", 1, {"n": 1}, topic=topic)
        sink(newest_database, "theirs", 1, {"n": 1}, topic=topic, org=OTHER)
    org = ORG
    async with running_relay(newest_database.relay_dsn, max_batch_updates=5) as relay:

        def endpoint() -> Endpoint:
            return relay.endpoint(org=org, ttl_s=2 if org == ORG else 3600)

        async with KhalaClient(
            endpoint, topics, store=SqliteStore(path), start=Start(snapshot=False), backoff=SOON
        ) as client:
            if when == "catching up":
                # A page of five is dealt with when the sixth change is asked for.
                began = time.monotonic()
                async for _ in client.changes():
                    org = OTHER
                    assert not client.status.live
                    await until(lambda: time.monotonic() > began + 3, "the token has expired")
                    break
            else:
                await client.caught_up()
                assert all(len(client.documents(topic)) == 20 for topic in topics)
                org = OTHER

            def theirs() -> bool:
                return all(client.documents(topic).keys() == {"theirs"} for topic in topics)

            await until(theirs, "only the other organisation's documents are shown", 30)
            await client.caught_up()
            sink(newest_database, "ours late", 1, {"n": 1})
            sink(newest_database, "theirs late", 1, {"n": 1}, org=OTHER)
            await until(lambda: "theirs late" in client.documents(RUNS), "it is live")
            # Shown before it is stored; what is covered is stored.
            await client.sync()
            assert client.documents(RUNS).keys() == {"theirs", "theirs late"}
        store = SqliteStore(path)
        found = await store.load(topics)
        await store.close()
    assert {cursor.org for cursor in found.cursors} == {OTHER}
    assert sorted((d.topic, d.doc_key) for d in found.documents) == sorted(
        [(RUNS, "theirs"), (RUNS, "theirs late"), (NOTES, "theirs")]
    )
