"""`khala top` on a real database and a real relay."""

import asyncio
import json
import subprocess

from support.databases import Database
from support.relay_process import KHALA
from support.relays import NOTES, ready_relay, running_relay, writer
from support.terminals import terminal


async def top(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*KHALA, "top", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60
    )


async def test_one_moment_as_json_and_as_a_table(newest_database: Database) -> None:
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
    assert "1 relays listen" in table.stdout
    assert "ready" in table.stdout


async def test_json_without_once_is_a_wrong_call(newest_database: Database) -> None:
    done = await top("--json", "--database", newest_database.dba_dsn)
    assert done.returncode == 2
    assert "--once" in done.stderr


def test_the_live_view_follows_and_outlives_the_database(newest_database: Database) -> None:
    def count(number: str) -> bytes:
        return number.replace(" ", "\N{NARROW NO-BREAK SPACE}").encode()

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
        screen.read_until(count("1 234"))
        assert NOTES.encode() in screen.seen
        assert b"0 relays listen" in screen.seen
        let_in(0)
        screen.forget()
        screen.read_until(b"the database cannot be reached")
        # What was last seen stays.
        assert count("1 234") in screen.seen
        maintainer.execute("SELECT khala.sink(%s, 'd1', 2, '{}')", [NOTES])
        let_in(-1)
        screen.read_until(count("1 235"))
        screen.type(b"\x03")
        assert screen.process.wait(20) == 0
        assert b"Traceback" not in screen.seen
