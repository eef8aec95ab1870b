"""Publishers by their functions alone: two workers, uncommitted writes, random histories."""

import random
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.postgres.databases import Database
from support.trials.seeds import choose_seed, stream

TOPIC = "runtime.run_summaries"
Update = dict[str, Any]


def publisher(connection: psycopg.Connection[Any], kind: str) -> None:
    connection.execute("SELECT khala.set_publisher('p', %s, 'http://127.0.0.1:1')", (kind,))
    connection.execute(
        "SELECT khala.set_publisher_topic('p', %s, p_delete_target => 'a:b')", (TOPIC,)
    )


def claim(connection: psycopg.Connection[Any], limit: int = 100) -> list[Update]:
    [(updates,)] = connection.execute(
        "SELECT updates FROM khala.publisher_next('p', %s)", (limit,)
    ).fetchall()
    return list(updates)


def report(connection: psycopg.Connection[Any], update: Update, outcome: str) -> None:
    result = {name: update[name] for name in ("topic", "doc_key", "watermark")}
    more = {"outcome": outcome, "error": "no", "retry_s": 0}
    connection.execute("SELECT khala.publisher_report('p', %s)", (Jsonb([{**result, **more}]),))


def sink(connection: psycopg.Connection[Any], key: str, payload: str = "{}") -> None:
    connection.execute("SELECT khala.sink(%s, %s, NULL, %s, 'acme')", (TOPIC, key, payload))


def test_one_worker_at_a_time(database: Database) -> None:
    with database.connect() as first, database.connect() as second:
        publisher(first, "webhook")
        state = "SELECT state FROM khala.open_publisher('p')"
        assert first.execute(state).fetchall() == [("open",)]
        assert second.execute(state).fetchall() == [("busy",)]
        for call in ("publisher_next('p')", "publisher_report('p', '[]')"):
            with pytest.raises(psycopg.Error, match="another session is the worker") as refused:
                second.execute(f"SELECT khala.{call}")
            assert refused.value.sqlstate == "KH008"
        first.close()
        # The server ends a session a moment after its client.
        while second.execute(state).fetchall() != [("open",)]:
            pass


def test_what_is_not_committed_is_neither_read_nor_skipped(database: Database) -> None:
    with (
        database.connect() as worker,
        psycopg.connect(database.dsn) as writer,
        database.connect() as other,
    ):
        publisher(worker, "webhook")
        assert claim(worker) == []
        sink(writer, "open")
        assert claim(worker) == []
        other.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            sink(other, "behind")
        writer.commit()
        sink(other, "behind")
        assert [each["doc_key"] for each in claim(worker)] == ["open", "behind"]


class History:
    """Random calls of writers, administrators and a worker; what was delivered of each document."""

    def __init__(self, database: Database, kind: str, chance: random.Random) -> None:
        self._database = database
        self._kind = kind
        self._chance = chance
        self._admin = database.connect()
        self._worker = database.connect()
        self._claims: list[Update] = []
        self.delivered: dict[str, list[int]] = {}
        publisher(self._admin, kind)
        # A publisher that is new does not hear of documents that were deleted before.
        claim(self._worker)

    def step(self) -> None:
        match self._chance.choices(
            ("sink", "delete", "claim", "report", "kill", "purge", "epoch", "retry"),
            (40, 3, 20, 30, 3, 1, 1, 3),
        ):
            case ["sink"]:
                sink(self._admin, f"d{self._chance.randrange(6)}")
            case ["delete"]:
                self._admin.execute(
                    "SELECT khala.sink_delete(%s, %s, NULL, 'acme')",
                    (TOPIC, f"d{self._chance.randrange(6)}"),
                )
            case ["claim"]:
                self._claim(self._chance.randint(1, 4))
            case ["report"] if self._claims:
                update = self._claims.pop(self._chance.randrange(len(self._claims)))
                outcome = self._chance.choices(("delivered", "failed", "refused"), (6, 3, 1))[0]
                self._end(update, outcome)
            case ["kill"]:
                # Some were delivered, which nobody was told.
                for update in self._claims:
                    if self._chance.random() < 0.5:
                        self._note(update)
                self._claims.clear()
                self._worker.close()
                self._worker = self._database.connect()
                while self._worker.execute(
                    "SELECT state FROM khala.open_publisher('p')"
                ).fetchall() != [("open",)]:
                    pass
            case ["purge"]:
                self._admin.execute("SELECT khala.retain(%s, p_horizon => '0')", (TOPIC,))
            case ["epoch"]:
                self._admin.execute("SELECT khala.new_epoch()")
            case ["retry"] if self._kind == "convex":
                self._admin.execute("SELECT khala.retry_set_aside('p')")

    def finish(self) -> None:
        for update in self._claims:
            self._end(update, "delivered")
        self._claims.clear()
        self._admin.execute("SELECT khala.retry_set_aside('p')")
        for _ in range(10_000):
            self._claim(100)
            if not self._claims:
                break
            for update in self._claims:
                self._end(update, "delivered")
            self._claims.clear()
        [row] = self._admin.execute(
            "SELECT unread, waiting, in_flight, set_aside FROM khala.publisher_stats"
        ).fetchall()
        assert row == (0, 0, 0, 0)

    def stored(self) -> dict[str, int]:
        return dict(
            self._admin.execute(
                "SELECT doc_key, doc_version FROM runtime.sync_documents WHERE topic = %s", (TOPIC,)
            ).fetchall()
        )

    def close(self) -> None:
        self._admin.close()
        self._worker.close()

    def _claim(self, limit: int) -> None:
        # Eight failures in a row are a system that is down, whose delays are not waited for here.
        self._admin.execute("UPDATE runtime.publishers SET failures = 0, not_before = NULL")
        found = claim(self._worker, limit)
        keys = [each["doc_key"] for each in (*self._claims, *found)]
        assert len(keys) == len(set(keys)), "two updates of a document are under way"
        self._claims += found

    def _end(self, update: Update, outcome: str) -> None:
        if outcome == "delivered":
            self._note(update)
        report(self._worker, update, outcome)

    def _note(self, update: Update) -> None:
        self.delivered.setdefault(update["doc_key"], []).append(update["doc_version"])


@pytest.mark.parametrize("kind", ["convex", "webhook"])
def test_random_histories(newest_database: Database, kind: str) -> None:
    history = History(newest_database, kind, stream(choose_seed(), kind))
    try:
        for _ in range(1000):
            history.step()
        # Each version of a webhook may come again, after a purge or in a new epoch.
        for versions in history.delivered.values() if kind == "convex" else ():
            assert versions == sorted(versions)
        history.finish()
        stored = history.stored()
        assert {key: max(history.delivered.get(key, [0])) for key in stored} == stored
        if kind == "convex":
            assert {key: history.delivered[key][-1] for key in stored} == stored
    finally:
        history.close()
