"""A relay whose statements go through a transaction pooler that keeps nothing for a session.

Debian 12's PgBouncer (1.18) refuses `options` at connect and knows nothing of prepared statements:
where one client prepared, another finds a name taken, or its own gone.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.postgres.databases import Database
from support.postgres.pooler import pooled
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    Peer,
    RunningRelay,
    ready_relay,
    running_relay,
    writer,
)
from support.trials.waiting import until


async def test_relays_share_a_transaction_pooler(newest_database: Database) -> None:
    with pooled(newest_database, "relay") as dsn:
        through: dict[str, Any] = {"database": dsn, "listener_database": newest_database.relay_dsn}
        async with (
            running_relay(newest_database, **through) as one,
            running_relay(newest_database, **through) as two,
            writer(newest_database) as runtime,
            AsyncExitStack() as peers,
        ):

            async def joined(running: RunningRelay, lane: str = "") -> Peer:
                peer = await peers.enter_async_context(Peer(running.url() + lane, max_queue=None))
                await peer.join()
                await peer.subscribe(NOTES)
                return peer

            await ready_relay(one)
            await ready_relay(two)
            # Both lanes, so that calls of different shapes meet at the same server connections.
            readers = [await joined(each) for each in (one, two) for _ in range(2)]
            for running in (one, two):
                await joined(running, "&encoding=protobuf")
            for number in range(30):
                watermark = await runtime.sink(f"d{number}")
                await asyncio.gather(*(reader.updates_until(watermark) for reader in readers))
            async with one.joined() as late:
                await late.subscribe(NOTES, resume_after={NOTES: 10})
                updates, _ = await late.updates_until(watermark)
                assert len(updates) == 20


async def test_a_listener_that_is_pooled_is_told_what_to_do(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "khala.relay")
    with pooled(newest_database, "relay") as dsn:
        async with running_relay(
            newest_database, database=dsn, probe_interval_s=0.1, probe_timeout_s=0.5
        ) as running:
            await until(lambda: "--listener-database" in caplog.text, "it is told", PATIENCE_S)
            assert "not heard" in (await running.relay.unready() or "")
    assert "every statement is planned at each call" in caplog.text


async def test_a_hint_names_the_login_and_the_database_that_the_server_knows(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "khala.relay")
    with newest_database.connect() as connection:
        connection.execute(
            f"ALTER ROLE khala_test_relay IN DATABASE {newest_database.name}"
            " SET default_transaction_read_only = on"
        )
    with pooled(newest_database, "relay") as dsn:
        async with running_relay(newest_database, database=dsn):
            await until(lambda: "RESET" in caplog.text, "it is told", PATIENCE_S)
    assert (
        f'ALTER ROLE "khala_test_relay" IN DATABASE "{newest_database.name}" RESET' in caplog.text
    )
