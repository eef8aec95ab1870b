"""`khala top` on a real database and a real relay."""

import asyncio
import json
import subprocess

from support.databases import Database
from support.relay_process import KHALA
from support.relays import NOTES, ready_relay, running_relay, writer


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
