"""khala tail as a person and as a pipe run it, against a real relay."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.postgres.free_ports import free_port
from support.postgres.databases import Database
from support.programs.terminals import terminal
from support.relay.client_relay import NOTES, ORG, RUNS, RelayUnderTest, running_relay, sink
from support.trials.waiting import until

KHALA = str(Path(sys.executable).with_name("khala"))
CTRL_C = 130


def environment(relay: RelayUnderTest, **claims: Any) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KHALA_")}
    return {
        **kept,
        "KHALA_WS_URL": relay.ws,
        "KHALA_HTTP_URL": relay.http,
        "KHALA_TOKEN": relay.token(**claims),
        "TERM": "xterm-256color",
    }


@asynccontextmanager
async def tail(relay: RelayUnderTest, *arguments: str, **claims: Any) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        KHALA, "tail", *arguments, stdout=PIPE, stderr=PIPE, env=environment(relay, **claims)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def lines(process: Process, count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return [json.loads(await process.stdout.readline()) for _ in range(count)]


async def watermarks(process: Process, count: int) -> list[int]:
    return [line["watermark"] for line in await lines(process, count)]


async def remaining(process: Process) -> list[int]:
    """The watermarks of the whole lines written before the process ended."""
    async with asyncio.timeout(20):
        rest, _ = await process.communicate()
    return [json.loads(line)["watermark"] for line in rest.splitlines(True) if line[-1:] == b"\n"]


async def finish(process: Process) -> tuple[int, str]:
    """The exit status and what was said on standard error."""
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_lines_of_json(newest_database: Database) -> None:
    sink(newest_database, "a", 1, {"n": 1, "text": "naïve"})
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        tail(relay, RUNS, NOTES) as process,
    ):
        [first] = await lines(process, 1)
        assert first == {
            "topic": RUNS,
            "doc_key": "a",
            "doc_version": 1,
            "watermark": 1,
            "payload_hash": first["payload_hash"],
            "payload": {"n": 1, "text": "naïve"},
        }
        assert first["payload_hash"].startswith("sha256:")
        sink(newest_database, "a", 2, None)
        [second] = await lines(process, 1)
        sink(newest_database, "n", 1, {}, topic=NOTES)
        [third] = await lines(process, 1)
        assert second == {
            "topic": RUNS,
            "doc_key": "a",
            "doc_version": 2,
            "watermark": 2,
            "deleted": True,
        }
        assert (third["topic"], third["watermark"]) == (NOTES, 1)
        process.send_signal(signal.SIGINT)
        code, said = await finish(process)
    assert code == CTRL_C
    assert "khala: live" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "keys_seen"),
    [
        (["--since", "2"], ["c", "d"]),
        (["--since", f"{RUNS}=3"], ["d"]),
        (["--from-snapshot"], ["b", "c", "d"]),
    ],
)
async def test_where_it_begins(
    newest_database: Database, options: list[str], keys_seen: list[str]
) -> None:
    for key in "abcd":
        sink(newest_database, key, 1, {})
    if "--from-snapshot" in options:
        sink(newest_database, "a", 2, None)
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        tail(relay, RUNS, *options) as process,
    ):
        found = await lines(process, len(keys_seen))
        assert [line["doc_key"] for line in found] == keys_seen


async def test_it_ends_at_a_watermark(newest_database: Database, tmp_path: Path) -> None:
    state = ["--state", str(tmp_path / "state"), "--until"]
    async with running_relay(newest_database.relay_dsn) as relay:
        for n in range(1, 31):
            sink(newest_database, f"d{n}", 1, {"n": n})
        async with tail(relay, RUNS, *state, "30") as process:
            assert await remaining(process) == list(range(1, 31))
            assert process.returncode == 0
        # It is there already, and the next one is not for us to see.
        theirs = sink(newest_database, "theirs", 1, {}, org="org-b")
        for watermark in ("30", f"{RUNS}={theirs}"):
            async with tail(relay, RUNS, *state, watermark) as process:
                assert await remaining(process) == []
                assert process.returncode == 0
        async with tail(relay, RUNS, NOTES, *state, f"{RUNS}=32", "--until", f"{NOTES}=1") as both:
            sink(newest_database, "d1", 2, {})
            assert await watermarks(both, 1) == [32]
            sink(newest_database, "n", 1, {}, topic=NOTES)
            assert await watermarks(both, 1) == [1]
            code, said = await finish(both)
            assert code == 0
            assert "Traceback" not in said
        async with tail(relay, RUNS, *state, "soon") as process:
            code, said = await finish(process)
            assert code == 2
            assert "--until soon: a watermark is a whole number from 0" in said


async def test_a_script_reads_what_it_wrote(newest_database: Database, tmp_path: Path) -> None:
    async with running_relay(newest_database.relay_dsn) as relay:
        state = ["--state", str(tmp_path / "state")]
        # The second one is a duplicate, whose document is waited for as well.
        for written in ([1], []):
            writing = await asyncio.create_subprocess_exec(
                *(KHALA, "sink", RUNS, "d", '{"n": 1}', "--org", ORG, "--version", "1"),
                *("--wait", "--json", "--database", newest_database.runtime_dsn),
                stdout=PIPE,
            )
            out, _ = await writing.communicate()
            at = json.loads(out)["watermark"]
            async with tail(relay, RUNS, *state, "--until", str(at)) as process:
                assert await remaining(process) == written
                assert process.returncode == 0


async def test_a_killed_tail_goes_on_from_its_state(
    newest_database: Database, tmp_path: Path
) -> None:
    state = ["--state", str(tmp_path / "state")]
    seen: list[int] = []
    async with running_relay(newest_database.relay_dsn) as relay:
        for turn in range(3):
            for n in range(10):
                sink(newest_database, f"d{n}", turn, {"turn": turn})
            async with tail(relay, RUNS, *state) as process:
                seen += await watermarks(process, 7 + turn)
                process.kill()
                seen += await remaining(process)
        async with tail(relay, RUNS, *state) as process:
            while set(seen) != set(range(1, 31)):
                seen += await watermarks(process, 1)


async def test_an_interrupted_tail_leaves_nothing_out(
    newest_database: Database, tmp_path: Path
) -> None:
    state = ["--state", str(tmp_path / "state")]
    for n in range(60):
        sink(newest_database, f"d{n}", 1, {"fill": "x" * 10_000})
    async with running_relay(newest_database.relay_dsn) as relay:
        async with tail(relay, RUNS, *state) as process:
            seen = await watermarks(process, 3)
            # The pipe is full: it is in the middle of the one batch there is.
            process.send_signal(signal.SIGINT)
            seen += await remaining(process)
            assert process.returncode == CTRL_C
            assert len(seen) < 60
        async with tail(relay, RUNS, *state) as process:
            while set(seen) != set(range(1, 61)):
                seen += await watermarks(process, 1)


async def test_relay_and_database_restart_under_it(own_database: Database) -> None:
    port, http_port, keyring = free_port(), free_port(), keys.generate()

    def relay() -> Any:
        return running_relay(own_database.relay_dsn, keyring, ws_port=port, http_port=http_port)

    at = RelayUnderTest(
        f"ws://127.0.0.1:{port}/socket/websocket", f"http://127.0.0.1:{http_port}", keyring
    )
    # Nothing runs yet: it waits for it.
    async with tail(at, RUNS) as process:
        for version in (1, 2):
            async with relay():
                sink(own_database, "d", version, {"version": version})
                [line] = await lines(process, 1)
                assert line["payload"] == {"version": version}
        async with relay():
            await asyncio.to_thread(own_database.server.stop, "immediate")
            await asyncio.to_thread(own_database.server.start)
            sink(own_database, "d", 3, {"version": 3})
            [line] = await lines(process, 1)
            assert line["payload"] == {"version": 3}
        process.send_signal(signal.SIGINT)
        code, said = await finish(process)
    assert code == CTRL_C
    assert "khala: disconnected" in said
    assert "Traceback" not in said


async def test_refusals_are_said_and_final(newest_database: Database, tmp_path: Path) -> None:
    async with running_relay(newest_database.relay_dsn) as relay:
        stranger = RelayUnderTest(relay.ws, relay.http, keys.generate())
        cases: list[tuple[RelayUnderTest, list[str], dict[str, Any], str]] = [
            (stranger, [RUNS], {}, "refuses the token"),
            (relay, [RUNS], {"scopes": [NOTES]}, RUNS),
            (relay, ["no.such"], {}, "no.such"),
            (relay, [RUNS, "--since", "soon"], {}, "whole number"),
            (relay, [RUNS, "--since", f"{NOTES}=1"], {}, "not among"),
            (relay, [RUNS, "--since", "1", "--from-snapshot"], {}, "exclude"),
            (relay, [RUNS, "--state", str(tmp_path)], {}, "cannot open"),
            (relay, [RUNS, "--ws", "localhost:4000"], {}, "ws://host:port"),
        ]
        for at, arguments, claims, said in cases:
            async with tail(at, *arguments, **claims) as process:
                code, error = await finish(process)
                wrong_call = said in ("whole number", "not among", "exclude", "ws://host:port")
                assert code == (2 if wrong_call else 1), error
                assert said in error
                assert "Traceback" not in error


async def test_a_reader_that_has_enough(newest_database: Database) -> None:
    async with running_relay(newest_database.relay_dsn) as relay, tail(relay, RUNS) as process:
        sink(newest_database, "a", 1, {})
        await lines(process, 1)
        assert process.stdout is not None
        process.stdout._transport.close()  # type: ignore[attr-defined]
        sink(newest_database, "a", 2, {})
        sink(newest_database, "a", 3, {})
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()


async def test_a_table_shows_what_a_purge_has_left_of_the_journal(
    newest_database: Database,
) -> None:
    for key in ("kept-1", "kept-2"):
        sink(newest_database, key, 1, {})
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.retain(p_horizon => '0')")
    async with running_relay(newest_database.relay_dsn) as relay:
        with terminal([KHALA, "tail", RUNS], environment(relay)) as screen:
            await asyncio.to_thread(screen.read_until, b"kept-1")
            await asyncio.to_thread(screen.read_until, b"kept-2")
            screen.type(b"q")
            assert await asyncio.to_thread(screen.process.wait, 20) == 0


async def test_a_table_on_a_terminal(newest_database: Database) -> None:
    summary = {
        "status": "running",
        "latest_seq": 41,
        "latest_event_type": "output.progress",
        "latest_event_at": "2026-01-01T00:00:00Z",
    }
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    screen = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: screen.extend(os.read(ours, 65536)))
    try:
        async with running_relay(newest_database.relay_dsn) as relay:
            process = await asyncio.create_subprocess_exec(
                KHALA, "tail", RUNS, stdout=theirs, stderr=PIPE, env=environment(relay)
            )
            sink(newest_database, "runtime/run_summary:build-7", 1, summary)
            await until(lambda: b"build-7" in screen, "the document shows")
            for text in (b"connected", b"running", b"41", b"output.progress", b"live"):
                await until(lambda text=text: text in screen, f"{text!r} shows")
            del screen[:]
            done = {**summary, "status": "succeeded", "terminal_reason": "exit 0"}
            sink(newest_database, "runtime/run_summary:build-7", 2, done)
            await until(lambda: b"succeeded" in screen, "the row changes in place")
            assert b"\x1b[1A" in screen
            process.send_signal(signal.SIGINT)
            code, said = await finish(process)
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(theirs)
    assert code == CTRL_C
    assert said == ""


async def test_a_part_of_a_topic(newest_database: Database) -> None:
    for key in ("a/1", "b/1", "a/2"):
        sink(newest_database, key, 1, {"key": key})
    async with running_relay(newest_database.relay_dsn) as relay:
        for arguments, keys in (
            (("--prefix", "a/"), ["a/1", "a/2"]),
            (("--key", "b/1", "--key", "a/2"), ["b/1", "a/2"]),
        ):
            async with tail(relay, RUNS, *arguments) as process:
                assert [line["doc_key"] for line in await lines(process, 2)] == keys
        for wrong in (("--key", "a", "--prefix", "a"), (NOTES, "--prefix", "a")):
            async with tail(relay, RUNS, *wrong) as process:
                status, said = await finish(process)
                assert status == 2
                assert "--key and --prefix" in said
