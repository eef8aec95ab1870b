"""The newcomer's path, as processes: `khala dev` here, `khala run` there, `khala tail` beside them.

The command under `khala run` waits on named pipes, so that the test decides when it goes on.
"""

import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from support.postgres.servers import Servers
from support.relay.relay_process import KHALA
from support.trials.waiting import wait_until

PATIENCE_S = 90.0
# Says a word, waits for the next step, and so on; its exit status must come through.
COMMAND = """
echo one; cat first >/dev/null
echo two; cat second >/dev/null
echo three; cat third >/dev/null
echo four; echo to standard error >&2; exit 3
"""
STEPS = ("first", "second", "third")


@contextmanager
def khala(directory: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`khala` in a directory, knowing only what it finds there; killed at the end if it runs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KHALA_")}
    with subprocess.Popen(
        [*KHALA, *words],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


class Lines:
    """What a process writes, read as it comes."""

    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self.all: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.all.append(line.rstrip("\n"))

    def ended(self) -> list[str]:
        """All of them, once the stream has ended."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.all


def children(pid: int) -> dict[int, str]:
    """Command lines of a process's children, by process id."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
        found[int(child)] = command.replace(b"\0", b" ").decode()
    return found


def descendants(pid: int) -> set[int]:
    below = set(children(pid))
    return below.union(*(descendants(child) for child in below if Path(f"/proc/{child}").exists()))


def child(dev: "subprocess.Popen[str]", word: str) -> int:
    """The child of `khala dev` with this word in its command line; 0 while there is none."""
    return next((pid for pid, command in children(dev.pid).items() if word in command), 0)


def watch(pid: int) -> list[int]:
    """A descriptor that is readable once the process has ended; none if it has ended already."""
    try:
        return [os.pidfd_open(pid)]
    except ProcessLookupError:
        return []


def kill_and_await_another(dev: "subprocess.Popen[str]", word: str) -> None:
    pid = child(dev, word)
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: child(dev, word) not in {0, pid}, f"another {word} runs", PATIENCE_S)


def release(directory: Path, step: str) -> None:
    """Lets the command go on; it may still be on its way to this step."""
    path = directory / step
    wait_until(lambda: _opens(path), f"the command waits for the {step} step", PATIENCE_S)


def _opens(pipe: Path) -> bool:
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def saw(lines: Lines, holds: Callable[[dict[str, Any]], bool]) -> bool:
    return any(holds(json.loads(line)["payload"]) for line in lines.all)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes through /proc")
def test_a_command_run_here_is_seen_live_there_whatever_is_killed(servers: Servers) -> None:
    directory = servers.new_home("newcomer")
    directory.chmod(0o755)
    for step in STEPS:
        os.mkfifo(directory / step)
    with khala(directory, "dev", "--json", "--ws-port=0", "--http-port=0") as dev:
        said = Lines(dev.stdout)
        complaints = Lines(dev.stderr)
        wait_until(lambda: said.all != [] or dev.poll() is not None, "khala dev is up", PATIENCE_S)
        assert dev.poll() is None, complaints.ended()
        ready = json.loads(said.all[0])
        assert ready["ready"] is True

        with (
            khala(directory, "tail", "runtime.run_summaries") as tail,
            khala(
                directory, "run", "--flush=60", "--spool-dir=spool", "--", "sh", "-c", COMMAND
            ) as run,
        ):
            tailed, told = Lines(tail.stdout), Lines(tail.stderr)
            output, errors = Lines(run.stdout), Lines(run.stderr)

            def last_line(word: str) -> Callable[[], bool]:
                return lambda: saw(tailed, lambda s: (s["progress"] or {}).get("last_line") == word)

            wait_until(last_line("one"), "the first line is seen live", PATIENCE_S)
            kill_and_await_another(dev, "relay")
            release(directory, "first")
            wait_until(last_line("two"), "the second line is seen by a new relay", PATIENCE_S)
            os.kill(child(dev, "postgres"), signal.SIGKILL)
            release(directory, "second")
            wait_until(lambda: output.all[-1:] == ["three"], "the command goes on", PATIENCE_S)
            wait_until(last_line("three"), "it is seen when Postgres is back", PATIENCE_S)
            release(directory, "third")
            assert run.wait(PATIENCE_S) == 3
            assert output.ended() == ["one", "two", "three", "four"]
            assert errors.ended() == ["to standard error"]
            wait_until(
                lambda: saw(tailed, lambda s: bool(s.get("finished_at"))),
                "the end is seen",
                PATIENCE_S,
            )

            with psycopg.connect(ready["database"], autocommit=True) as connection:
                rows = connection.execute(
                    "SELECT watermark, doc_version, payload::jsonb FROM runtime.sync_stream_events"
                    " WHERE topic = 'runtime.run_summaries' ORDER BY watermark"
                ).fetchall()
            wait_until(lambda: len(tailed.all) >= len(rows), "every change is seen", PATIENCE_S)
            changes = [json.loads(line) for line in tailed.all]
            assert [(c["watermark"], c["doc_version"], c["payload"]) for c in changes] == rows
            assert [watermark for watermark, _, _ in rows] == list(range(1, len(rows) + 1))
            final = changes[-1]["payload"]
            assert (final["status"], final["exit_code"]) == ("failed", 3)
            assert final["progress"]["lines"] == 5
            assert not (directory / "spool").exists() or not list((directory / "spool").iterdir())

            everything = descendants(dev.pid)
            assert len(everything) > 2
            watches = [descriptor for pid in everything for descriptor in watch(pid)]
            dev.send_signal(signal.SIGTERM)
            assert dev.wait(PATIENCE_S) == 0, complaints.ended()
            for descriptor in watches:
                assert select.select([descriptor], [], [], 5)[0], "a process outlived khala dev"
                os.close(descriptor)
            for name in ("ws", "http"):
                host, port = ready[name].split("://")[1].partition("/")[0].split(":")
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection((host, int(port))).close()
            assert not (directory / ".khala" / "dev.json").exists()
            # Who follows waits for it to come back; Ctrl-C ends that without a traceback.
            assert tail.poll() is None
            tail.send_signal(signal.SIGINT)
            tail.wait(PATIENCE_S)
            assert not any("Traceback" in line for line in told.ended())
