"""States of a relay: what its database does to readiness and to the log, each said once."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql

from khala_pg.errors import UnavailableError
from khala_pg.sqlapi.calls import Connection
from support.postgres.databases import Database
from support.postgres.dumps import make_standby
from support.postgres.servers import Servers
from support.relay.relays import NOTES, PATIENCE_S, RunningRelay, ready_relay, running_relay, writer
from support.trials.waiting import until

QUICK: dict[str, Any] = {"slow_poll_interval_s": 0.1, "max_backoff_s": 0.1}
LOGIN = "khala_test_relay"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Warnings and errors of the relay's own loggers, as they come."""
    caplog.set_level(logging.WARNING, "khala.relay")
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                found.append(record.getMessage())

    handler = Keep()
    logging.getLogger("khala.relay").addHandler(handler)
    yield found
    logging.getLogger("khala.relay").removeHandler(handler)


def set_for_relay(database: Database, setting: str, value: str | None) -> None:
    """Gives sessions of the relay's login in this database a setting; None takes it back."""
    statement = sql.SQL("ALTER ROLE {} IN DATABASE {} ").format(
        sql.Identifier(LOGIN), sql.Identifier(database.name)
    )
    statement += (
        sql.SQL("RESET {}").format(sql.Identifier(setting))
        if value is None
        else sql.SQL("SET {} = {}").format(sql.Identifier(setting), sql.Literal(value))
    )
    with database.connect() as connection:
        connection.execute(statement)


async def unready_for(running: RunningRelay, words: str) -> None:
    """Returns when the relay says that it is not ready, with these words."""

    async def says_so() -> bool:
        return words in (await running.relay.unready() or "")

    await until(says_so, f"it is not ready: {words}", PATIENCE_S)


async def failed_pulls(running: RunningRelay, count: int, words: str) -> None:
    """Returns when so many more pulls have failed; all the while it is not ready for this."""
    value = running.relay.metrics.registry.get_sample_value

    def failures() -> float:
        return value("khala_replay_errors_total", {"code": "unavailable"}) or 0.0

    enough = failures() + count

    async def has_failed() -> bool:
        assert words in (await running.relay.unready() or "")
        return failures() >= enough

    await until(has_failed, f"{count} pulls fail", PATIENCE_S)


async def sessions(database: Database, name: str) -> list[int]:
    """The processes of the relay's sessions whose application name is like this."""
    async with await psycopg.AsyncConnection.connect(database.dsn) as connection:
        rows = await connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND datname = current_database()",
            (name,),
        )
        return [pid for (pid,) in await rows.fetchall()]


@pytest.mark.parametrize("way", ["role", "environment"])
async def test_another_encoding_of_the_login_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with writer(database) as write, AsyncExitStack() as stack:
        if way == "role":
            set_for_relay(database, "client_encoding", "LATIN1")
        else:
            monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
        running = await stack.enter_async_context(running_relay(database))
        await ready_relay(running)
        async with running.joined() as peer, running.open() as late:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await write.sink("clé €", payload={"price": "5 €"})
            [update], _ = await peer.updates_until(1)
            assert (update["doc_key"], update["payload"]) == ("clé €", {"price": "5 €"})
            await late.join()
            await late.subscribe(NOTES, resume_after={NOTES: 0})
            [update], _ = await late.updates_until(1)
            assert update["payload"] == {"price": "5 €"}


async def test_ready_means_that_replay_works(newest_database: Database, lines: list[str]) -> None:
    async with running_relay(newest_database, **QUICK) as running, writer(newest_database) as write:
        await ready_relay(running)
        found = await write.connection.execute("SELECT 'khala.replay'::regproc::regprocedure")
        replay = f"FUNCTION {(await found.fetchall())[0][0]}"
        await write.connection.execute(f"REVOKE EXECUTE ON {replay} FROM khala_relay")
        await unready_for(running, "does not let this relay work")
        await write.connection.execute(f"GRANT EXECUTE ON {replay} TO khala_relay")
        await ready_relay(running)
    denied, back = lines
    assert "permission denied for function replay" in denied
    assert "khala migrate" in denied
    assert "ready" in back


async def test_a_role_that_is_taken_away_is_named_and_sockets_stay(
    own_database: Database, lines: list[str]
) -> None:
    async with running_relay(own_database, **QUICK) as running, writer(own_database) as write:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await write.connection.execute(f"REVOKE khala_relay FROM {LOGIN}")
            await write.sink("d1")
            await unready_for(running, "does not let this relay work")
            refused = await peer.ask_in_vain("sync:subscribe", {"topics": [NOTES]})
            assert (refused["code"], "permission" in str(refused)) == ("internal", False)
            await write.connection.execute(f"GRANT khala_relay TO {LOGIN}")
            await ready_relay(running)
            [update], _ = await peer.updates_until(1)
            assert update["doc_key"] == "d1"
    denied, _ = lines
    assert f"{LOGIN} is not a member of khala_relay" in denied
    assert f'GRANT khala_relay TO "{LOGIN}"' in denied


async def test_a_login_that_is_read_only(newest_database: Database, lines: list[str]) -> None:
    with newest_database.connect("relay") as connection:
        connection.execute("SELECT khala.ensure_epoch()")
    set_for_relay(newest_database, "default_transaction_read_only", "on")
    async with running_relay(newest_database, **QUICK) as running, writer(newest_database) as write:
        await unready_for(running, "takes no writes")
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await failed_pulls(running, 10, "takes no writes")
            [line] = lines
            assert "default_transaction_read_only is on (database user)" in line
            assert "khala.arm" in line
            assert (
                f'ALTER ROLE "{LOGIN}" IN DATABASE "{newest_database.name}"'
                " RESET default_transaction_read_only" in line
            )
            set_for_relay(newest_database, "default_transaction_read_only", None)
            await ready_relay(running)
            await write.sink("d1")
            await peer.updates_until(1)
    assert len(lines) == 2


async def test_lost_connections_are_made_anew_without_a_word(
    newest_database: Database, lines: list[str]
) -> None:
    async with running_relay(newest_database) as running, writer(newest_database) as write:
        await ready_relay(running)
        for _ in range(3):
            before = await sessions(newest_database, "khala relay%")
            assert before
            for pid in before:
                await write.connection.execute("SELECT pg_terminate_backend(%s)", (pid,))

            async def is_back(before: list[int] = before) -> bool:
                assert await running.relay.unready() is None
                listeners = await sessions(newest_database, "khala relay listener")
                return bool(set(listeners) - set(before))

            await until(is_back, "it listens again", PATIENCE_S)
            async with running.joined() as peer:
                await peer.subscribe(NOTES)
                await peer.event("sync:update_batch")
        assert await running.relay.unready() is None
    assert lines == []


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57014", "53200"])
async def test_one_call_that_fails_says_nothing_of_the_database(
    newest_database: Database, lines: list[str], sqlstate: str
) -> None:
    async def fail(connection: Connection) -> None:
        await connection.execute(
            sql.SQL("DO {}").format(f"BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END")
        )

    async with running_relay(newest_database, **QUICK) as running:
        await ready_relay(running)
        for _ in range(20):
            with pytest.raises(UnavailableError):
                await running.relay.database.call(fail)
            assert await running.relay.unready() is None
    assert lines == []


async def test_idle_sessions_stay(newest_database: Database, lines: list[str]) -> None:
    set_for_relay(newest_database, "idle_session_timeout", "200ms")
    limits: dict[str, Any] = {"probe_interval_s": 600.0, "revocation_poll_interval_s": 600.0}
    async with running_relay(newest_database, **limits, slow_poll_interval_s=600.0) as running:
        await ready_relay(running)
        listener = await sessions(newest_database, "khala relay listener")

        async def all_idle() -> bool:
            async with await psycopg.AsyncConnection.connect(newest_database.dsn) as connection:
                rows = await connection.execute(
                    "SELECT min(now() - state_change) > interval '1 s', array_agg(pid)"
                    " FROM pg_stat_activity WHERE application_name LIKE 'khala relay%%'"
                    " AND datname = current_database()"
                )
                idle, pids = await rows.fetchone() or (None, [])
                assert set(listener) <= set(pids)
                assert len(pids) > 1
                return bool(idle)

        await until(all_idle, "every session is idle for longer", PATIENCE_S)
        assert await running.relay.unready() is None
    assert lines == []


async def test_a_standby_is_named_once_and_serves_when_it_is_promoted(
    own_database: Database, servers: Servers, lines: list[str]
) -> None:
    with own_database.connect("relay") as relay:
        [epoch] = relay.execute("SELECT khala.ensure_epoch()").fetchone() or [None]
    home = servers.new_home("standby") / "home"
    standby = await asyncio.to_thread(make_standby, own_database.server, home)
    await asyncio.to_thread(standby.start)
    try:
        copy = Database(standby, own_database.name, own_database.passwords)
        async with running_relay(copy, **QUICK) as running:
            await unready_for(running, "standby")
            async with running.open() as peer:
                for _ in range(5):
                    refused = await peer.ask_in_vain("phx_join", {})
                    assert refused["retry_after_ms"] > 0
                    assert "standby" in (await running.relay.unready() or "")
                [line] = lines
                assert "target_session_attrs=read-write" in line
                async with writer(copy) as superuser:
                    await superuser.connection.execute("SELECT pg_promote(TRUE)")
                await ready_relay(running)
                await peer.join()
                assert (await peer.subscribe(NOTES))["epoch"] != epoch
                async with writer(copy) as write:
                    await write.sink("d1")
                await peer.updates_until(1)
        assert len(lines) == 2
        assert "back" in lines[1]
    finally:
        await asyncio.to_thread(standby.stop, "immediate")
