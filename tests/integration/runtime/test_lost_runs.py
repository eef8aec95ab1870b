"""A run whose process vanishes, or stands still for a while, as a client sees it live."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.programs.runs import KHALA, environment, events
from support.relay.relays import RUNS, Peer, ready_relay, running_relay

SILENCE_S = 3.0


@asynccontextmanager
async def watched_run(
    database: Database, tmp_path: Path
) -> AsyncIterator[tuple[Peer, asyncio.subprocess.Process]]:
    """A client that reads the summaries live, and a run that sends heartbeats."""
    async with running_relay(
        database, lost_run_after_s=SILENCE_S, slow_poll_interval_s=0.2
    ) as relay:
        await ready_relay(relay)
        async with relay.joined() as peer:
            await peer.subscribe(RUNS)
            process = await asyncio.create_subprocess_exec(
                *(KHALA, "run", "--id", "r", "--org", "org-a", "--heartbeat", "0.2", "--", "cat"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                env=environment(database.runtime_dsn, tmp_path),
            )
            try:
                yield peer, process
            finally:
                if process.returncode is None:
                    process.kill()
                await process.communicate()


async def becomes(peer: Peer, status: str) -> dict[str, Any]:
    """The next summary with that status."""
    while True:
        for update in (await peer.event("sync:update_batch"))["updates"]:
            if update["payload"]["status"] == status:
                return dict(update["payload"])


async def test_a_run_that_was_killed_is_lost(newest_database: Database, tmp_path: Path) -> None:
    async with watched_run(newest_database, tmp_path) as (peer, process):
        await becomes(peer, "running")
        process.kill()
        summary = await becomes(peer, "lost")
    assert summary["terminal_reason"].startswith("no event since 20")
    assert (summary["finished_at"], summary["exit_code"]) == (None, None)
    assert [event["event_type"] for event in events(newest_database, "r")].count("run.lost") == 1


async def test_a_run_that_comes_back_goes_on(newest_database: Database, tmp_path: Path) -> None:
    async with watched_run(newest_database, tmp_path) as (peer, process):
        await becomes(peer, "running")
        process.send_signal(signal.SIGSTOP)
        await becomes(peer, "lost")
        process.send_signal(signal.SIGCONT)
        await becomes(peer, "running")
        await process.communicate(b"a line\n")
        summary = await becomes(peer, "succeeded")
    history = events(newest_database, "r")
    assert [event["seq"] for event in history] == list(range(1, summary["latest_seq"] + 1))
    assert not list(tmp_path.iterdir()), "nothing had to be kept in a file"


async def test_callers_at_the_same_time_mark_a_run_once(database: Database) -> None:
    with database.connect() as connection:
        for number in range(50):
            connection.execute(
                "SELECT khala.append_run_event(%s, 'run.started', %s)",
                (f"r{number}", Jsonb({"heartbeat_s": 0})),
            )

    def mark() -> int:
        with database.connect("relay") as connection:
            [(marked,)] = connection.execute("SELECT khala.mark_lost_runs('0')").fetchall()
            return int(marked)

    marked = await asyncio.gather(*(asyncio.to_thread(mark) for _ in range(8)))
    assert sum(marked) == 50
    with database.connect() as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT id) FROM runtime.run_events"
            " WHERE event_type = 'run.lost'"
        ).fetchone()
    assert found == (50, 50)


def test_a_writer_of_several_runs_goes_on(database: Database) -> None:
    append = "SELECT khala.append_run_event(%s, %s, %s)"
    with sessions(database, 1, "runtime") as (writer,), sessions(database, 1, "relay") as (relay,):
        for run in ("first", "second"):
            writer.run(append, run, "run.started", Jsonb({"heartbeat_s": 0}))
        writer.commit()
        writer.run(append, "first", "run.progress", Jsonb({}))
        # It has locked the second run, and waits for the topic.
        marking = relay.start("SELECT khala.mark_lost_runs('0')")
        writer.run(append, "second", "run.progress", Jsonb({}))
        writer.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            marking.result()
