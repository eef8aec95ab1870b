"""`khala top` on a real database and a real relay."""

import asyncio
import json
import os
import re
import subprocess
import termios
from pathlib import Path

import psycopg

from support.postgres.databases import Database
from support.programs.terminals import terminal
from support.relay.relay_process import KHALA
from support.relay.relays import NOTES, ready_relay, running_relay, writer


async def top(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*KHALA, "top", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60
    )


async def test_one_moment_as_json_and_as_a_table(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.set_publisher('hook', 'webhook', 'http://127.0.0.1:1')")
        connection.execute("SELECT khala.set_publisher_topic('hook', %s)", (NOTES,))
    async with (
        running_relay(newest_database, metrics_port=0) as running,
        writer(newest_database) as runtime,
    ):
        await ready_relay(running)
        await runtime.sink_many(12)
        url = running.addresses.metrics or ""
        where = ("--once", "--database", newest_database.dba_dsn)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.updates_until(12)
            done = await top(*where, "--json", "--relay", url, "--relay", "http://127.0.0.1:1/")
            table = await top(*where, "--relay", url)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    [notes] = [topic for topic in found["topics"] if topic["topic"] == NOTES]
    assert (notes["head_watermark"], notes["retention_floor"], notes["lag_events"]) == (12, 1, 0)
    assert notes["writes_per_minute"] == 12
    assert (found["listeners"], found["waiting_writers"]) == (1, 0)
    relay, absent = found["relays"]
    assert (relay["url"], relay["ready"], relay["problem"]) == (url, True, None)
    assert (relay["connections"], relay["live"], relay["slow"]) == (1, 1, 0)
    assert absent["problem"]
    assert table.returncode == 0, table.stderr
    assert NOTES in table.stdout
    assert "1 relay listens" in table.stdout
    [publisher] = found["publishers"]
    assert (publisher["publisher"], publisher["state"]) == ("hook", "stopped")
    assert "hook" in table.stdout
    assert "stopped" in table.stdout
    assert "ready" in table.stdout


def shown_as(count: str) -> bytes:
    return count.replace(" ", "\N{NARROW NO-BREAK SPACE}").encode()


async def test_more_topics_than_lines_leave_room_for_the_rest(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0) as running,
        writer(newest_database) as runtime,
    ):
        await ready_relay(running)
        await runtime.connection.execute(
            "SELECT khala.register_topic('more.t' || n, p_ownership => 'mixed')"
            " FROM generate_series(1, 60) AS n"
        )
        await runtime.sink("busy", topic="more.t43")
        url = running.addresses.metrics or ""
        command = [*KHALA, "top", "--database", newest_database.dba_dsn, "--relay", url]
        with terminal(command) as screen:
            await asyncio.to_thread(screen.read_until, b"1 relay listens")
            first, _, _ = screen.seen.partition(b"1 relay listens")
            # A terminal of 33 lines: 3 and 60 topics, of which the busiest comes first.
            lines = first.split(b"\n")
            assert len(lines) <= 32
            [more] = [line for line in lines if b"more topics" in line]
            listed = [line for line in lines if b"more.t" in line or b"runtime." in line]
            assert f"and {63 - len(listed)} more".encode() in more
            assert b"more.t43" in listed[0]
            assert url.removeprefix("http://").removesuffix("/metrics").encode() in first
            screen.type(b"\x03")
            assert await asyncio.to_thread(screen.process.wait, 20) == 0


async def test_relays_are_shown_without_the_database(newest_database: Database) -> None:
    async with (
        running_relay(newest_database, metrics_port=0) as running,
        writer(newest_database) as maintainer,
    ):
        await ready_relay(running)
        await maintainer.connection.execute(
            f"ALTER DATABASE {newest_database.name} CONNECTION LIMIT 0"
        )
        url = running.addresses.metrics or ""
        command = [*KHALA, "top", "--database", newest_database.dba_dsn, "--relay", url]
        with terminal(command) as screen:
            await asyncio.to_thread(screen.read_until, b"the database cannot be reached")
            assert url.removeprefix("http://").removesuffix("/metrics").encode() in screen.seen
            assert b"ready" in screen.seen


async def test_json_without_once_is_a_wrong_call(newest_database: Database) -> None:
    done = await top("--json", "--database", newest_database.dba_dsn)
    assert done.returncode == 2
    assert "--once" in done.stderr


async def test_without_a_terminal_there_is_no_live_view(newest_database: Database) -> None:
    done = await top("--database", newest_database.dba_dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--once" in done.stderr


async def test_another_schema_is_told_from_a_fault(newest_database: Database) -> None:
    def tells(expression: str) -> None:
        maintainer.execute(
            "CREATE OR REPLACE FUNCTION khala.telemetry() RETURNS jsonb LANGUAGE sql"
            f" AS $$ SELECT {expression} FROM khala.told() AS told $$"
        )

    once = ("--once", "--database", newest_database.dba_dsn)
    with newest_database.connect() as maintainer:
        maintainer.execute("ALTER FUNCTION khala.telemetry() RENAME TO told")
        tells("told || '{\"later\": 1}'")
        maintainer.execute("GRANT EXECUTE ON FUNCTION khala.telemetry() TO khala_dba")
        later = await top(*once)
        tells("told - 'drift'")
        earlier = await top(*once)
    assert (later.returncode, later.stderr) == (0, "")
    assert NOTES in later.stdout
    assert earlier.returncode == 2
    assert "Traceback" not in earlier.stderr
    assert "khala migrate" in earlier.stderr


def test_the_live_view_follows_and_outlives_the_database(newest_database: Database) -> None:
    def let_in(connections: int) -> None:
        maintainer.execute(f"ALTER DATABASE {newest_database.name} CONNECTION LIMIT {connections}")

    command = [*KHALA, "top", "--interval=0.2", "--database", newest_database.dba_dsn]
    with newest_database.connect() as maintainer, terminal(command) as screen:
        maintainer.execute(
            "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object("
            "'doc_key', 'd' || n, 'doc_version', 1, 'payload', '{}'::jsonb)))"
            " FROM generate_series(1, 1234) AS n",
            [NOTES],
        )
        screen.read_until(shown_as("1 234"))
        assert NOTES.encode() in screen.seen
        assert b"0 relays listen" in screen.seen
        let_in(0)
        screen.forget()
        screen.read_until(b"the database cannot be reached")
        # What was last seen stays.
        assert shown_as("1 234") in screen.seen
        maintainer.execute("SELECT khala.sink(%s, 'd1', 2, '{}')", [NOTES])
        let_in(-1)
        screen.read_until(shown_as("1 235"))
        # A rate: 1,233 writes came before the first look, 30 within the last moments.
        maintainer.execute(
            "SELECT khala.sink(%s, 'd' || n, 3, '{}') FROM generate_series(1, 30) AS n", [NOTES]
        )
        screen.read_until(shown_as("1 265"))
        assert re.search(rb"1\xe2\x80\xaf265.* [1-9][0-9]*\.[0-9] ", screen.seen)
        screen.forget()
        screen.read_until(b" 0.0 ")
        screen.type(b"xq")
        assert screen.process.wait(20) == 0
        assert b"Traceback" not in screen.seen


def test_live_views_end_with_q(newest_database: Database) -> None:
    command = [*KHALA, "stats", "--watch=30", "--database", newest_database.dba_dsn]
    with terminal(command) as screen:
        screen.read_until(NOTES.encode())
        screen.type(b"q")
        assert screen.process.wait(20) == 0
        # The shell gets its terminal back as it was.
        assert termios.tcgetattr(screen.theirs)[3] & termios.ECHO


def test_a_database_that_moves_is_followed(newest_database: Database, tmp_path: Path) -> None:
    """As `khala dev` does that starts again: its file goes away, and comes with other ports."""

    def write(dsn: str) -> None:
        (tmp_path / "new.json").write_text(json.dumps({"database": dsn}))
        (tmp_path / "new.json").rename(file)

    file = tmp_path / "dev.json"
    elsewhere = psycopg.conninfo.make_conninfo(newest_database.dba_dsn, port=1)
    environment = {**os.environ, "KHALA_DEV_FILE": str(file)}
    for view in (["top", "--interval=0.2"], ["stats", "--watch=0.2"]):
        write(elsewhere)
        with terminal([*KHALA, *view], environment) as screen:
            screen.read_until(b"the database cannot be reached")
            file.unlink()
            screen.forget()
            screen.read_until(b"the database cannot be reached")
            write(newest_database.dba_dsn)
            screen.read_until(NOTES.encode())
            screen.type(b"q")
            assert screen.process.wait(20) == 0
