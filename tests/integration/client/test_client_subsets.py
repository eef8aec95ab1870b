"""A client that follows a part of a topic: keys, a prefix, the newest, or what its scopes allow."""

from pathlib import Path
from typing import Any

import pytest

from khala_pg.client import (
    Endpoint,
    ForbiddenTopicError,
    KhalaClient,
    SqliteStore,
    Start,
    Topic,
)
from khala_pg.client.connection import Encoding
from support.postgres.databases import Database
from support.relay.client_relay import (
    RUNS,
    SOON,
    RelayUnderTest,
    contents,
    running_relay,
    sink,
)
from support.trials.waiting import until


def written(database: Database, *keys: str) -> None:
    for key in keys:
        sink(database, key, 1, {"key": key})


async def shown(relay: RelayUnderTest, topic: Topic, path: Path, *scopes: str) -> list[str]:
    """The keys that a client of the store shows once it is live."""

    def endpoint() -> Endpoint:
        return relay.endpoint(scopes=scopes or (RUNS,))

    async with KhalaClient(endpoint, [topic], store=SqliteStore(path), backoff=SOON) as client:
        await client.caught_up()
        return sorted(client.documents(RUNS))


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("topic", [Topic(RUNS, prefix="a/"), Topic(RUNS, keys=["a/1", "a/2"])])
async def test_a_part_from_the_start_and_live(
    newest_database: Database, topic: Topic, snapshot: bool, encoding: Encoding
) -> None:
    written(newest_database, "a/1", "b/1")
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(
            relay.endpoint,
            [topic],
            start=Start(snapshot=snapshot),
            encoding=encoding,
            backoff=SOON,
        ) as client,
    ):
        await client.caught_up()
        assert list(contents(client)) == ["a/1"]
        written(newest_database, "b/2", "a/2")
        sink(newest_database, "a/1", 2, None)
        last = sink(newest_database, "b/1", 2, {"n": 2})
        assert last is not None
        await client.wait_for(RUNS, last)
        assert list(contents(client)) == ["a/2"]


async def test_the_newest_and_every_later_change(newest_database: Database) -> None:
    written(newest_database, "a/1", "a/2", "a/3", "b/1")
    sink(newest_database, "a/1", 2, {"n": 2})
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(
            relay.endpoint,
            [Topic(RUNS, prefix="a/", newest=2)],
            start=Start(snapshot=False),
            backoff=SOON,
        ) as client,
    ):
        await client.caught_up()
        assert sorted(contents(client)) == ["a/1", "a/3"]
        sink(newest_database, "a/2", 2, {"n": 2})
        await until(lambda: "a/2" in contents(client), "a document that was not among the newest")


async def test_many_keys_are_read_in_parts(newest_database: Database) -> None:
    keys = [f"{n:04d}" + "é" * 60 for n in range(1000)]
    written(newest_database, keys[0], keys[-1], "other")
    assert len(list(Topic(RUNS, keys=keys).snapshot_queries())) > 1
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [Topic(RUNS, keys=keys)], backoff=SOON) as client,
    ):
        await client.caught_up()
        assert sorted(contents(client)) == [keys[0], keys[-1]]


async def test_a_store_keeps_the_parts_of_a_topic_apart(
    newest_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    written(newest_database, "a/1", "b/1")
    parts = [
        Topic(RUNS, prefix="a/"),
        Topic(RUNS, keys=["b/1"]),
        Topic(RUNS),
        Topic(RUNS, newest=1),
    ]
    expected = [["a/1"], ["b/1"], ["a/1", "b/1"], ["b/1"]]
    async with running_relay(newest_database.relay_dsn) as relay:
        for _ in range(2):
            assert [await shown(relay, part, path) for part in parts] == expected
    store = SqliteStore(path)
    found = await store.load([part.stored_as for part in parts])
    await store.close()
    assert len(found.cursors) == len(parts)
    assert len(found.documents) == sum(map(len, expected))


async def test_other_scopes_of_a_topic_are_another_view_of_it(
    newest_database: Database, tmp_path: Path
) -> None:
    """A cursor that counts for some prefixes would hide what others have below it."""
    path, topic = tmp_path / "state", Topic(RUNS)
    written(newest_database, "a/1", "b/1")
    async with running_relay(newest_database.relay_dsn) as relay:
        assert await shown(relay, topic, path, f"{RUNS}/a/") == ["a/1"]
        assert await shown(relay, topic, path, f"{RUNS}/b/") == ["b/1"]
        assert await shown(relay, topic, path, f"{RUNS}/b/", f"{RUNS}/a/") == ["a/1", "b/1"]
        assert await shown(relay, topic, path, RUNS, f"{RUNS}/a/") == ["a/1", "b/1"]
        assert await shown(relay, topic, path, f"{RUNS}/b/") == ["b/1"]


async def test_a_new_token_that_shows_other_documents(newest_database: Database) -> None:
    """Taken over by the connection that there is, it would show what is written from then on."""
    written(newest_database, "a/1", "b/1")
    scopes = [f"{RUNS}/a/"]
    async with running_relay(newest_database.relay_dsn) as relay:

        def endpoint() -> Endpoint:
            return relay.endpoint(scopes=tuple(scopes), ttl_s=6)

        async with KhalaClient(endpoint, [RUNS], backoff=SOON) as client:
            await client.caught_up()
            assert list(contents(client)) == ["a/1"]
            scopes.append(f"{RUNS}/b/")
            await until(lambda: len(contents(client)) == 2, "what the new token shows")


async def test_a_part_beyond_the_scopes_is_refused(newest_database: Database) -> None:
    async with running_relay(newest_database.relay_dsn) as relay:
        endpoint = relay.endpoint(scopes=[f"{RUNS}/a/"])
        client = KhalaClient(
            lambda: endpoint, [Topic(RUNS, prefix="b/")], start=Start(snapshot=False), backoff=SOON
        )
        async with client:
            with pytest.raises(ForbiddenTopicError, match="reaches beyond what the token allows"):
                await client.caught_up()


def test_what_no_topic_can_be() -> None:
    def nowhere() -> Endpoint:
        raise AssertionError("no connection is made")

    wrong: dict[str, Any]
    for wrong in (
        {"keys": []},
        {"keys": [str(n) for n in range(1001)]},
        {"keys": ["a"], "prefix": "a"},
        {"keys": ["a"], "newest": 1},
        {"newest": 0},
    ):
        with pytest.raises(ValueError, match=RUNS):
            Topic(RUNS, **wrong)
    with pytest.raises(ValueError, match="narrowed in two ways"):
        KhalaClient(nowhere, [RUNS, Topic(RUNS, prefix="a")])
