"""Keys are rotated while sockets live on them and documents are written: nobody is dropped."""

import asyncio
import signal
from pathlib import Path

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.keys import Key, Keyring, KeyringError
from support.postgres.databases import Database
from support.relay.asking import refusal
from support.relay.relay_process import RelayProcess, relay_process
from support.relay.relays import NOTES, Peer, Writer, writer
from support.trials.waiting import until

_PEERS = 20


def token(ring: Keyring) -> str:
    return keys.sign_token(ring, org_id="org-a", scopes=[NOTES], subject="ann")


async def rotate(relay: RelayProcess, path: Path) -> Keyring:
    """One step: the file, then SIGHUP; returns when the relay has read it."""
    before = relay.log_file.read_text().count("keyring read again")
    rotated = keys.rotate(keyring_file.load(path))
    keyring_file.save(rotated, path)
    relay.process.send_signal(signal.SIGHUP)
    await until(
        lambda: relay.log_file.read_text().count("keyring read again") > before,
        "the keyring is read again",
    )
    return rotated


async def write_until(stop: asyncio.Event, write: Writer) -> int:
    number = 0
    while not stop.is_set():
        number += 1
        await write.sink(f"d{number}")
    return number


async def test_rotation_under_load(newest_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    with relay_process(newest_database.relay_dsn, tmp_path) as relay:
        async with writer(newest_database) as write, asyncio.TaskGroup() as group:
            first = keyring_file.load(path)
            url = f"{relay.ws}?vsn=2.0.0&token="
            peers = [Peer(url + token(first)) for _ in range(_PEERS)]
            forgetful = Peer(url + token(first))
            for peer in (*peers, forgetful):
                await peer.__aenter__()
                await peer.join()
                await peer.subscribe(NOTES, resume_after={NOTES: 0})
            stop = asyncio.Event()
            writing = group.create_task(write_until(stop, write))

            announced = await rotate(relay, path)
            assert announced.current == first.current
            turned = await rotate(relay, path)
            # The overlap: tokens of both keys open sockets and refresh them.
            for ring in (first, turned):
                async with Peer(url + token(ring)) as newcomer:
                    await newcomer.join()
            for peer in peers:
                await peer.ask("sync:refresh", {"token": token(turned)})
            dropped = await rotate(relay, path)
            assert first.current not in dropped.keys
            status, body, _ = await refusal(url + token(first))
            assert (status, body["code"]) == (403, "unauthorized")
            code, frames = await forgetful.closed()
            assert code == 4401
            assert "withdrawn" in frames[-2][4]["message"]

            stop.set()
            last = await writing
            assert last > 0
            for peer in peers:
                updates, _ = await peer.updates_until(last)
                assert [update["watermark"] for update in updates] == list(range(1, last + 1))
                await peer.__aexit__(None, None, None)


async def test_an_unfit_keyring_changes_nothing(newest_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    with relay_process(newest_database.relay_dsn, tmp_path) as relay:
        async with Peer(relay.url("org-a")) as peer:
            await peer.join()
            path.write_text('{"keys": []}')
            relay.process.send_signal(signal.SIGHUP)
            await until(
                lambda: "the keyring in force stays" in relay.log_file.read_text(),
                "the file is refused",
            )
            await peer.ask("sync:heartbeat", {})
            async with Peer(relay.url("org-a")) as newcomer:
                await newcomer.join()


@pytest.mark.parametrize("length", [0, 16, 31])
def test_weak_keys_are_refused_at_start(tmp_path: Path, length: int) -> None:
    weak = Keyring("i", "a", "k", {"k": Key("k", "HS256", b"x" * length)})
    keyring_file.save(weak, tmp_path / "weak.json")
    with pytest.raises(KeyringError, match="at least 32"):
        keyring_file.load(tmp_path / "weak.json")
