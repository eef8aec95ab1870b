"""Relays that report to the database, and what administrators see of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.http.page_api import PageApi, page_api
from support.postgres.databases import Database
from support.relay.relay_process import RelayProcess, relay_process
from support.relay.relays import NOTES, RUNS, writer
from support.trials.waiting import until, wait_until

PATIENCE_S = 60.0


def report_of(database: Database, *columns: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        query = f"SELECT {', '.join(columns)} FROM runtime.relay_reports ORDER BY started_at"
        return connection.execute(query.encode()).fetchall()


async def live(api: PageApi, token: dict[str, str]) -> list[dict[str, Any]]:
    return [each for each in (await api.found("relays", token))["relays"] if each["is_live"]]


async def test_a_relay_reports_its_sockets_and_deliveries(newest_database: Database) -> None:
    async with page_api(newest_database) as api, writer(newest_database) as writing:
        await api.sign_in()
        token = await api.token()
        async with api.running.joined() as peer, api.running.joined() as other:
            await peer.subscribe(NOTES, RUNS)
            await other.subscribe(NOTES)
            await writing.sink("k")
            await peer.event("sync:update_batch")

            async def is_reported() -> bool:
                [relay] = await live(api, token)
                return bool(
                    relay["connections"] == 2
                    and relay["subscribers"] == {NOTES: 2, RUNS: 1}
                    and relay["sent_bytes"] > 0
                )

            await until(is_reported, "the report has the sockets", PATIENCE_S)
            topics = (await api.found("topics", token))["topics"]
            assert {t["topic"]: t["subscribers"] for t in topics if t["subscribers"]} == {
                NOTES: 2,
                RUNS: 1,
            }

            async def is_measured() -> bool:
                points = (await api.found("activity", token, topic=NOTES))["points"]
                return any(each["delivery_lag_p50_s"] is not None for each in points)

            await until(is_measured, "the lag of its delivery is there", PATIENCE_S)
            points = (await api.found("activity", token))["points"]
            assert sum(each["sent_bytes"] for each in points) > 0
            assert points[-1]["connections"] == 2
    # It stopped by itself.
    [(stopped,)] = report_of(newest_database, "stopped_at IS NOT NULL")
    assert stopped


async def test_writes_come_from_the_heads(newest_database: Database) -> None:
    async with page_api(newest_database) as api, writer(newest_database) as writing:
        await api.sign_in()
        token = await api.token()

        async def has_sample() -> bool:
            return bool((await api.found("activity", token))["points"])

        await until(has_sample, "the heads were sampled", PATIENCE_S)
        for number in range(7):
            await writing.sink(f"k{number}")

        async def is_counted() -> bool:
            points = (await api.found("activity", token, topic=NOTES))["points"]
            return sum(each["writes"] or 0 for each in points) == 7

        await until(is_counted, "the next sample counts the writes", PATIENCE_S)


@pytest.fixture
def killed(newest_database: Database, tmp_path: Path) -> Iterator[RelayProcess]:
    with relay_process(newest_database.relay_dsn, tmp_path) as relay:
        yield relay


def test_a_killed_relay_is_not_live(newest_database: Database, killed: RelayProcess) -> None:
    wait_until(lambda: bool(report_of(newest_database, "relay")), "it reports", PATIENCE_S)
    killed.kill()
    with newest_database.connect() as connection:
        # As if half a minute had passed.
        connection.execute(
            "UPDATE runtime.relay_reports SET reported_at = now() - '31 s'::interval"
        )
        row = connection.execute(
            "SELECT r ->> 'is_live', r ->> 'stopped_at' FROM json_array_elements("
            "khala.admin_relays('a', '{khala.admin,khala.admin.all}') -> 'relays') AS r"
        ).fetchone()
    assert row == ("false", None)
