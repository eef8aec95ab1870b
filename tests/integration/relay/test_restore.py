"""An older backup restored under a running relay: everybody resyncs, nobody misses anything."""

import asyncio
from pathlib import Path

import pytest

from support.postgres import dumps
from support.postgres.databases import Database
from support.relay.relays import NOTES, Peer, ready_relay, running_relay, writer


async def told_to_resync(peer: Peer, cursor: int, epoch: str) -> None:
    """However the live socket noticed, the old cursor is never taken again."""
    frame = await peer.next(lambda frame: frame[3] in ("sync:error", "phx_error"))
    if frame[3] == "sync:error":
        assert frame[4]["code"] == "stale_cursor", frame
    while True:
        joined = await peer.reply_to(await peer.send("phx_join", {}))
        assert joined["status"] == "ok"
        payload = {"topics": [NOTES], "resume_after": {NOTES: cursor}, "epoch": epoch}
        refused = await peer.ask_in_vain("sync:subscribe", payload)
        if refused["code"] == "stale_cursor":
            assert refused["stale_topics"][0]["reason"] == "epoch_changed"
            assert refused["epoch"] != epoch
            return
        assert refused["code"] == "internal"


@pytest.mark.parametrize("writes_after", [0, 3, 30])
async def test_a_restored_backup_makes_live_subscribers_resync(
    newest_database: Database, tmp_path: Path, writes_after: int
) -> None:
    backup = tmp_path / "backup"
    async with running_relay(newest_database, slow_poll_interval_s=1.0) as running:
        await ready_relay(running)
        async with writer(newest_database) as write:
            for number in range(1, 6):
                await write.sink(f"d{number}")
            await asyncio.to_thread(dumps.dump, newest_database, backup)
            for number in range(6, 11):
                await write.sink(f"lost{number}")
        async with running.joined() as peer:
            epoch = (await peer.subscribe(NOTES))["epoch"]
            await peer.updates_until(10)
            await asyncio.to_thread(dumps.restore_in_place, newest_database, backup)
            async with writer(newest_database) as write:
                for number in range(writes_after):
                    await write.sink(f"new{number}")
            await told_to_resync(peer, 10, epoch)
            subscribed = await peer.subscribe(NOTES, resume_after={NOTES: 0})
            assert subscribed["epoch"] != epoch
            updates, _ = await peer.updates_until(5 + writes_after)
            assert [u["watermark"] for u in updates] == list(range(1, 6 + writes_after))
