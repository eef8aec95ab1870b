"""Compacted replay ends with the same documents as full replay, for every organisation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
import pytest

from support.postgres.consistency import Model, apply, check_topic, visible
from support.postgres.databases import Database
from support.trials.seeds import stream

_TOPIC = "test.compaction"
_OWNERS = (None, "org-a", "org-b")
_ORGS = (*_OWNERS, "org-c")
_KEYS = "abcdef"
_ROUNDS = 150


@dataclass
class Reader:
    """A subscriber that pages as it likes, and begins again when its cursor is stale."""

    org: str | None
    compact: bool
    after: int = 0
    model: Model = field(default_factory=dict)
    received: int = 0

    def read(self, connection: psycopg.Connection[Any], updates: int, size: int) -> bool:
        """Takes one page; whether it reached the head."""
        try:
            row = connection.execute(
                "SELECT page, next_watermark, complete"
                " FROM khala.replay(%s, %s, %s, %s, %s, NULL, %s)",
                [_TOPIC, self.after, self.org, updates, size, self.compact],
            ).fetchone()
        except psycopg.Error as error:
            if error.sqlstate != "KH002":
                raise
            self._begin_again(connection)
            return False
        assert row is not None
        page, until, complete = row
        watermarks = [self.after]
        for update in json.loads(page)["updates"]:
            watermarks.append(update["watermark"])
            apply(self.model, update)
        assert watermarks == sorted(set(watermarks))
        assert watermarks[-1] <= until
        assert until > self.after or complete
        self.received += len(watermarks) - 1
        self.after = until
        return bool(complete)

    def _begin_again(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute(
            "SELECT watermark FROM khala.snapshot(%s, %s)", [_TOPIC, self.org]
        ).fetchone()
        assert row is not None
        self.after = row[0]
        self.model = visible(connection, _TOPIC, self.org)


def write(connection: psycopg.Connection[Any], rng: Random, versions: Iterator[int]) -> None:
    """A burst of writes: mostly versions, with owner changes, deletes and a purge in between.

    A hot key changes again and again in the middle of it, so that much has been replaced.
    """
    hot = rng.choice(_KEYS)
    for _ in range(rng.randint(0, 30)):
        key = hot if rng.random() < 0.6 else rng.choice(_KEYS)
        owner = rng.choice(_OWNERS) if rng.random() < 0.3 else "org-a"
        what = rng.random()
        if what < 0.12:
            connection.execute(
                "SELECT khala.sink_delete(%s, %s, %s)", [_TOPIC, key, next(versions)]
            )
        elif what < 0.25:
            documents = [_document(rng, next(versions)) for _ in range(rng.randint(1, 8))]
            connection.execute(
                "SELECT khala.sink_batch(%s, %s::jsonb)", [_TOPIC, json.dumps(documents)]
            )
        else:
            payload = json.dumps({"n": rng.random(), "pad": "x" * rng.randint(0, 400)})
            connection.execute(
                "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)",
                [_TOPIC, key, next(versions), payload, owner],
            )
    if rng.random() < 0.15:
        connection.execute(
            "SELECT khala.retain(%s, now() + '1 day', '0', %s)", [_TOPIC, rng.randint(1, 40)]
        )


def _document(rng: Random, version: int) -> dict[str, Any]:
    document = {"doc_key": rng.choice(_KEYS), "doc_version": version, "org_id": rng.choice(_OWNERS)}
    return document | ({"deleted": True} if rng.random() < 0.2 else {"payload": {"n": version}})


def _versions(rng: Random) -> Iterator[int]:
    """Growing; one that occurs twice rewrites a document where the key does too."""
    version = 0
    while True:
        version += rng.random() < 0.9
        yield version


@pytest.mark.parametrize("least", [1, 200], ids=["in small pages", "in large pages"])
def test_compacted_replay_ends_as_full_replay(database: Database, seed: int, least: int) -> None:
    rng = stream(seed, f"compaction {least}")
    versions = _versions(rng)
    readers = [Reader(org, compact) for org in _ORGS for compact in (False, True)]
    with database.connect() as connection:
        connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [_TOPIC])
        for _ in range(_ROUNDS):
            write(connection, rng, versions)
            for reader in readers:
                for _ in range(rng.randint(0, 2)):
                    reader.read(connection, rng.randint(least, least + 8), rng.randint(1, 9000))
        check_topic(connection, _TOPIC)
        for reader in readers:
            while not reader.read(connection, rng.randint(least, least + 8), 2_000_000):
                pass
            assert reader.model == visible(connection, _TOPIC, reader.org), reader
    full = sum(reader.received for reader in readers if not reader.compact)
    compacted = sum(reader.received for reader in readers if reader.compact)
    assert compacted < full
