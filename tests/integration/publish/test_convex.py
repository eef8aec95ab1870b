"""`khala publish --to convex` against the stand-in of the legacy backend."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

from support.legacy.backend import (
    Call,
    ConvexError,
    Fault,
    FunctionError,
    LegacyBackend,
    TransportError,
)
from support.legacy.server import serving
from support.legacy.values import Value
from support.postgres.databases import Database
from support.programs.publishing import (
    RUNS,
    WORKERS,
    credential,
    once,
    published,
    publishing,
    rows,
    started,
    stored,
    write,
)
from support.programs.runs import environment, khala
from support.trials.waiting import until

_WAITING: LiteralString = """
SELECT FROM pg_stat_activity WHERE application_name = 'khala publish' AND wait_event_type = 'Lock'
"""
_END_WORKER: LiteralString = """
SELECT pg_terminate_backend(w.worker_pid)
FROM (SELECT DISTINCT worker_pid FROM khala.publisher_stats) AS w
"""
DOWN = TransportError(503, "Overloaded", "come back later")


@asynccontextmanager
async def legacy(latency_s: float = 0.0) -> AsyncIterator[tuple[LegacyBackend, str]]:
    backend = LegacyBackend(latency_s=latency_s)
    async with serving(backend) as url:
        yield backend, url


def is_left_alone(database: Database) -> bool:
    """Whether the backend is taken to be down, and no delivery of before that is under way."""
    found = rows(database)
    return bool(found[0]["state"] == "down" and sum(row["in_flight"] for row in found) <= 1)


async def test_once_delivers_what_there_is(newest_database: Database) -> None:
    for number in range(20):
        write(newest_database, f"r{number}", number + 1)
    write(newest_database, "w", 3, WORKERS)
    async with legacy(0.02) as (backend, url):
        to = ["--to", "convex", "--url", url]
        done = await once(newest_database.dsn, *to, variables=credential(backend))
        assert (done.status, done.stderr) == (0, ""), done
        assert done.result == {
            "publisher": "convex",
            "delivered": 21,
            "failed": 0,
            "refused": 0,
            "left": 0,
            "set_aside": 0,
        }
        assert published(backend) == stored(newest_database)
        assert published(backend, "codex_worker_summaries") == {"w": 3}

        # Known now: name and address need not be given, and of versions the last one counts.
        for version in 30, 31, 32:
            write(newest_database, "r1", version)
        done = await once(newest_database.dsn, "convex", variables=credential(backend))
        assert done.result["delivered"] == 1, done
        assert published(backend)["r1"] == 32
        assert backend.calls == 22


async def test_it_follows(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        to = ["--to", "convex", "--url", url]
        async with publishing(newest_database.dsn, *to, variables=credential(backend)) as worker:
            write(newest_database, "r", 1)
            await until(lambda: published(backend) == {"r": 1}, "the first version is there")
            write(newest_database, "r", 2)
            await until(lambda: published(backend) == {"r": 2}, "the second version is there")
            ended = await worker.stop()
        assert (ended.status, ended.stderr) == (0, "")


async def test_a_document_that_fails_holds_only_itself(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        bad = Fault(DOWN, lambda call: call.args["document_id"] == "bad", times=None)
        backend.faults = [bad]
        to = ["--to", "convex", "--url", url]
        async with publishing(newest_database.dsn, *to, variables=credential(backend)):
            write(newest_database, "bad", 1)
            for version in range(1, 40):
                write(newest_database, "good", version)
                write(newest_database, f"good {version}", version)
            write(newest_database, "bad", 2)
            await until(lambda: published(backend).get("good") == 39, "the others are there")
            assert "bad" not in published(backend)
            backend.faults.remove(bad)
            await until(lambda: published(backend) == stored(newest_database), "both are equal")
        assert backend.gone_back() == {}


async def test_what_is_refused_is_set_aside_and_can_be_retried(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        refusing = Fault(
            ConvexError({"reason": "no such run"}),
            lambda call: call.args["document_id"] == "bad",
            times=None,
        )
        backend.faults = [refusing]
        write(newest_database, "bad", 1)
        write(newest_database, "good", 1)
        to = ["--to", "convex", "--url", url]
        done = await once(newest_database.dsn, *to, variables=credential(backend))
        assert done.status == 1, done
        assert (done.result["refused"], done.result["set_aside"]) == (1, 1), done
        # Later versions go on.
        backend.faults = []
        write(newest_database, "bad", 2)
        done = await once(newest_database.dsn, "convex", variables=credential(backend))
        assert done.status == 1, done
        assert published(backend) == {"bad": 2, "good": 1}

        listed = khala("publishers", "aside", "--json", env=environment(newest_database.dsn))
        entry = json.loads(listed.stdout)
        assert (entry["doc_key"], entry["doc_version"], entry["attempts"]) == ("bad", 1, 1)
        assert "no such run" in entry["reason"]

        done = await once(newest_database.dsn, "convex", "--retry", variables=credential(backend))
        assert done.status == 0, done
        assert published(backend) == {"bad": 2, "good": 1}
        assert backend.gone_back() == {}


async def test_killed_in_the_middle(newest_database: Database) -> None:
    async with legacy(0.02) as (backend, url):
        to = ["--to", "convex", "--url", url, "--concurrency", "8"]
        for turn in range(4):
            for number in range(100):
                write(newest_database, f"r{number}", turn + 1)
            before = len(backend.upserts)
            async with publishing(
                newest_database.dsn, *to, variables=credential(backend)
            ) as worker:
                await until(
                    lambda before=before: len(backend.upserts) > before + 20, "some are there"
                )
                await worker.kill()
        done = await once(newest_database.dsn, *to, variables=credential(backend))
        assert done.status == 0, done
        assert published(backend) == stored(newest_database)
        assert backend.gone_back() == {}


async def test_a_backend_that_is_down_costs_little(newest_database: Database) -> None:
    for number in range(500):
        write(newest_database, f"r{number}", 1)
    async with legacy() as (backend, url):
        backend.faults = [Fault(DOWN, times=None)]
        to = ["--to", "convex", "--url", url]
        async with publishing(newest_database.dsn, *to, variables=credential(backend)):
            await until(lambda: is_left_alone(newest_database), "it is taken to be down")
            calls = backend.calls
            await asyncio.sleep(3)
            assert backend.calls - calls < 20
            backend.faults = []
            await until(lambda: published(backend) == stored(newest_database), "all are there", 120)
            assert rows(newest_database)[1]["state"] == "running"


async def test_a_second_worker_waits_for_the_first(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        dsn, variables = newest_database.dsn, credential(backend)
        to = ["--to", "convex", "--url", url]
        async with (
            publishing(dsn, *to, variables=variables) as first,
            started(dsn, "convex", variables=variables) as second,
        ):
            assert "another worker is at it" in await second.said()
            write(newest_database, "r", 1)
            await until(lambda: published(backend) == {"r": 1}, "the first delivers")
            await first.kill()
            await second.ready()
            write(newest_database, "r", 2)
            await until(lambda: published(backend) == {"r": 2}, "the second delivers")
            assert (await second.stop()).status == 0


@dataclass
class Stalling(LegacyBackend):
    """Backend whose first call waits for `arrive` and then sets `arrived`; the others do not."""

    arrive: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, call: Call) -> Value:
        if self.calls > 0:
            return await super().run(call)
        self.calls = 1
        await self.arrive.wait()
        result = await super().run(call)
        self.arrived.set()
        return result


async def test_a_delivery_that_outlives_its_session_comes_before_later_ones(
    newest_database: Database,
) -> None:
    backend = Stalling()

    def queue() -> tuple[int, int, int]:
        row = {row["topic"]: row for row in rows(newest_database)}[RUNS]
        return row["unread"], row["waiting"], row["in_flight"]

    async with serving(backend) as url:
        to = ["--to", "convex", "--url", url, "--timeout", "15"]
        variables = credential(backend)
        async with (
            publishing(newest_database.dsn, *to, variables=variables),
            started(newest_database.dsn, *to, variables=variables) as second,
        ):
            assert "another worker is at it" in await second.said()
            write(newest_database, "r", 1)
            await until(lambda: backend.calls == 1, "the first version is under way")
            write(newest_database, "r", 2)
            with newest_database.connect() as connection:
                connection.execute(_END_WORKER)
            await second.ready()
            await until(lambda: queue() == (0, 1, 0) or backend.calls > 1, "the second looks at it")
            backend.arrive.set()
            await backend.arrived.wait()
            await until(lambda: published(backend) == {"r": 2}, "the second version is there")
        assert backend.gone_back() == {}


async def test_a_claim_that_comes_too_late_is_not_delivered(newest_database: Database) -> None:
    def found(query: LiteralString) -> list[tuple[Any, ...]]:
        with newest_database.connect() as connection:
            return connection.execute(query).fetchall()

    async with legacy() as (backend, url):
        to = ["--to", "convex", "--url", url, "--timeout", "0.5"]
        dsn, variables = newest_database.dsn, credential(backend)
        async with (
            publishing(dsn, *to, variables=variables) as first,
            started(dsn, *to, variables=variables) as second,
        ):
            assert "another worker is at it" in await second.said()
            with newest_database.connect() as holder, holder.transaction():
                holder.execute("SELECT FROM runtime.publisher_topics FOR UPDATE")
                write(newest_database, "r", 1)
                await until(lambda: found(_WAITING) != [], "the first makes its claim")
                first.signal(signal.SIGSTOP)
            claimed: LiteralString = "SELECT FROM runtime.publisher_updates WHERE state = 'claimed'"
            await until(lambda: found(claimed) != [], "the claim is committed")
            assert found(_END_WORKER) == [(True,)]
            await second.ready()
            write(newest_database, "r", 2)
            await until(lambda: published(backend) == {"r": 2}, "the second version is there")
            first.signal(signal.SIGCONT)
            said = await first.said()
            while "another worker is at it" not in said:
                said = await first.said()
        assert (backend.gone_back(), backend.calls) == ({}, 1)


async def test_a_backend_that_hangs_costs_little(newest_database: Database) -> None:
    def commits() -> int:
        with newest_database.connect() as connection:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            [(found,)] = connection.execute(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            ).fetchall()
        return int(found)

    for number in range(20):
        write(newest_database, f"r{number}", 1)
    async with legacy() as (backend, url):
        backend.faults = [Fault(DOWN, times=None)]
        to = ["--to", "convex", "--url", url, "--timeout", "60"]
        async with publishing(newest_database.dsn, *to, variables=credential(backend)):
            await until(lambda: is_left_alone(newest_database), "it is down")
            backend.hold()
            calls = backend.calls
            await until(lambda: backend.calls > calls, "a try is under way", 120)
            before = commits()
            # Of others in this database there is nobody; statistics are at most a second old.
            await asyncio.sleep(5)
            assert commits() - before < 50
            backend.faults = []
            backend.release()


async def test_a_purge_and_a_new_epoch_are_caught_up_with(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        to = ["--to", "convex", "--url", url]
        write(newest_database, "r", 1)
        assert (await once(newest_database.dsn, *to, variables=credential(backend))).status == 0
        write(newest_database, "r", 2)
        write(newest_database, "r2", 1)
        with newest_database.connect() as connection:
            connection.execute("SELECT khala.retain(p_horizon => '0')")
        assert (await once(newest_database.dsn, *to, variables=credential(backend))).status == 0
        assert published(backend) == {"r": 2, "r2": 1}
        found = {row["topic"]: row for row in rows(newest_database)}[RUNS]
        assert (found["resync_reason"], found["overtaken"]) == ("below_floor", 2)

        with newest_database.connect() as connection:
            connection.execute("SELECT khala.new_epoch()")
        write(newest_database, "r", 3)
        assert (await once(newest_database.dsn, *to, variables=credential(backend))).status == 0
        assert published(backend) == {"r": 3, "r2": 1}
        found = {row["topic"]: row for row in rows(newest_database)}[RUNS]
        assert (found["resync_reason"], found["resyncs"]) == ("epoch_changed", 3)


async def test_tombstones_are_set_aside_until_they_have_a_mutation(
    newest_database: Database,
) -> None:
    async with legacy() as (backend, url):
        to = ["--to", "convex", "--url", url]
        write(newest_database, "r", 1)
        assert (await once(newest_database.dsn, *to, variables=credential(backend))).status == 0
        with newest_database.connect() as connection:
            connection.execute("SELECT khala.sink_delete(%s, 'r', 2, 'acme')", (RUNS,))
        done = await once(newest_database.dsn, *to, variables=credential(backend))
        assert (done.status, done.result["set_aside"]) == (1, 1), done

        def delete(call: object) -> None:
            backend.tables["run_summaries"].pop("r")

        backend.functions["mutation", "runtime:deleteRunSummary"] = delete
        with newest_database.connect() as connection:
            connection.execute(
                "SELECT khala.set_publisher_topic('convex', %s, NULL, 'runtime:deleteRunSummary')",
                (RUNS,),
            )
        done = await once(newest_database.dsn, "convex", "--retry", variables=credential(backend))
        assert done.status == 0, done
        assert published(backend) == {}


async def test_a_missing_mutation_is_an_error_of_the_document(newest_database: Database) -> None:
    async with legacy() as (backend, url):
        backend.faults = [Fault(FunctionError("Could not find public function"), times=None)]
        write(newest_database, "r", 1)
        to = ["--to", "convex", "--url", url]
        done = await once(newest_database.dsn, *to, variables=credential(backend))
        assert (done.status, done.result["set_aside"]) == (1, 1), done
