"""What `khala run` records, and what it does when the database is away."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database
from support.programs.runs import (
    KHALA,
    NO_DATABASE,
    environment,
    event_types,
    events,
    khala,
    python,
    summary,
)
from support.trials.waiting import wait_until


def spooled(stderr: bytes) -> Path:
    found = re.search(rb"Load with: khala ingest (\S+)", stderr)
    assert found is not None, stderr
    return Path(found[1].decode())


@contextmanager
def running(
    database: Database, tmp_path: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [KHALA, "run", *arguments],
        env=environment(database.runtime_dsn, tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def say(process: subprocess.Popen[bytes], line: bytes) -> None:
    """Have `cat` print a line, and see it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == line + b"\n"


def test_a_whole_run(database: Database, tmp_path: Path) -> None:
    env = environment(database.runtime_dsn, tmp_path)
    words = ["run", "--id", "r", "--title", "Build", "--org", "dev", "--", "sh", "-c"]
    done = khala(*words, "echo hi; exit 3", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"hi\n", b"")
    history = events(database, "r")
    assert (history[0]["event_type"], history[-1]["event_type"]) == ("run.started", "run.finished")
    assert history[0]["payload"]["title"] == "Build"
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    document = summary(database, "r")
    expected = {
        "document_id": "runtime/run_summary:r",
        "owner": "dev",
        "status": "failed",
        "terminal_reason": "exit code 3",
        "command": ["sh", "-c", "echo hi; exit 3"],
        "progress": {"lines": 1, "bytes": 3, "last_line": "hi"},
        "latest_seq": len(history),
        "event_count": len(history),
    }
    assert {key: document[key] for key in expected} == expected
    assert not list(tmp_path.iterdir())


def test_progress_is_live_and_paced(newest_database: Database, tmp_path: Path) -> None:
    with running(newest_database, tmp_path, "--id", "r", "--", "cat") as process:
        say(process, b"first")
        wait_until(
            lambda: (
                summary(newest_database, "r").get("progress")
                == {"lines": 1, "bytes": 6, "last_line": "first"}
            ),
            "the first line shows",
        )
        began = time.monotonic()
        lines = 0
        while time.monotonic() - began < 2:
            say(process, b"line")
            lines += 1
        wait_until(
            lambda: (summary(newest_database, "r")["progress"] or {})["lines"] == lines + 1,
            "the last line shows while the command runs",
        )
        process.communicate(timeout=20)
    assert lines > 50
    assert event_types(newest_database, "r").count("run.progress") <= 2 * 4 + 3


def test_heartbeats_in_silence(newest_database: Database, tmp_path: Path) -> None:
    arguments = ["--id", "r", "--heartbeat", "0.2", "--", "cat"]
    with running(newest_database, tmp_path, *arguments) as process:
        wait_until(
            lambda: (
                event_types(newest_database, "r")[:3]
                == ["run.started", "run.heartbeat", "run.heartbeat"]
            ),
            "heartbeats",
        )
        process.communicate(timeout=20)
    assert event_types(newest_database, "r")[-1] == "run.finished"


def test_a_signal_is_recorded(newest_database: Database, tmp_path: Path) -> None:
    with running(newest_database, tmp_path, "--id", "r", "--", "cat") as process:
        say(process, b"ready")
        process.terminate()
        assert process.wait(timeout=20) == 143
    document = summary(newest_database, "r")
    assert (document["status"], document["signal"]) == ("cancelled", "SIGTERM")
    assert (document["exit_code"], document["terminal_reason"]) == (None, "signal SIGTERM")


@pytest.mark.parametrize(
    ("number", "status", "expected"),
    [
        (signal.SIGINT, 130, {"status": "cancelled", "exit_code": 130, "signal": "SIGINT"}),
        (signal.SIGHUP, 1, {"status": "cancelled", "exit_code": 1, "signal": "SIGHUP"}),
        # It did what it was for.
        (signal.SIGTERM, 0, {"status": "succeeded", "exit_code": 0, "signal": None}),
        # Nobody asked for an end.
        (signal.SIGUSR1, 1, {"status": "failed", "exit_code": 1, "signal": None}),
    ],
)
def test_a_command_that_ends_when_it_is_asked_to(
    newest_database: Database,
    tmp_path: Path,
    number: signal.Signals,
    status: int,
    expected: dict[str, object],
) -> None:
    script = f"trap 'exit {status}' {int(number)}; echo ready; while :; do sleep 0.1; done"
    with running(newest_database, tmp_path, "--id", "r", "--", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(timeout=20) == status
    document = summary(newest_database, "r")
    assert {key: document[key] for key in expected} == expected


def test_a_signal_for_the_whole_group_cancels(newest_database: Database, tmp_path: Path) -> None:
    for attempt in range(5):
        process = subprocess.Popen(
            [KHALA, "run", "--id", f"r{attempt}", "--", "cat"],
            env=environment(newest_database.runtime_dsn, tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            say(process, b"ready")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=20) == 130
        document = summary(newest_database, f"r{attempt}")
        assert (document["status"], document["signal"]) == ("cancelled", "SIGINT")


def test_a_command_that_somebody_killed_has_failed(
    newest_database: Database, tmp_path: Path
) -> None:
    with running(newest_database, tmp_path, "--id", "r", "--", "sh", "-c", "kill -9 $$") as process:
        assert process.wait(timeout=20) == 137
    document = summary(newest_database, "r")
    assert (document["status"], document["terminal_reason"]) == ("failed", "signal SIGKILL")


def test_what_is_not_text_is_recorded_readably(newest_database: Database, tmp_path: Path) -> None:
    env = environment(newest_database.runtime_dsn, tmp_path)
    done = subprocess.run(
        [KHALA, "run", "--id", "r", "--", "sh", "-c", r"printf '\000\377\033[1mx'", b"\xff"],
        env=env,
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"\0\xff\033[1mx"
    assert done.stderr == b""
    document = summary(newest_database, "r")
    assert document["command"][-1] == "\ufffd"
    assert document["progress"]["last_line"] == "\ufffdx"


@pytest.mark.parametrize("option", ["--org", "--id"])
def test_a_name_that_is_not_utf8_starts_nothing(tmp_path: Path, option: str) -> None:
    env = environment(NO_DATABASE, tmp_path / "spool")
    done = khala("run", option, "\udcff", "--", "echo", "started", env=env)
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"is '\\udcff', which is not UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_id_in_use_is_told_and_changes_nothing(
    newest_database: Database, tmp_path: Path
) -> None:
    env = environment(newest_database.runtime_dsn, tmp_path)
    assert khala("run", "--id", "r", "--", "true", env=env).returncode == 0
    again = khala("run", "--id", "r", "--", "sh", "-c", "echo hi; exit 4", env=env)
    assert (again.returncode, again.stdout) == (4, b"hi\n")
    assert b"2 events of run r not recorded: event 1 of run 'r' is already there" in again.stderr
    assert event_types(newest_database, "r") == ["run.started", "run.finished"]


def test_a_database_without_khala_is_told(empty_database: Database, tmp_path: Path) -> None:
    env = environment(empty_database.dsn, tmp_path)
    done = khala("run", "--", "sh", "-c", "exit 4", env=env)
    assert done.returncode == 4
    assert b"khala migrate" in done.stderr
    assert spooled(done.stderr).exists()


def test_a_database_that_never_was_there(newest_database: Database, tmp_path: Path) -> None:
    done = khala(
        *("run", "--id", "a/b", "--org", "dev", "--flush", "0.5", "--", "echo", "hi"),
        env=environment(NO_DATABASE, tmp_path),
    )
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    assert b"2 events of run a/b not recorded: the database cannot be reached" in done.stderr
    assert done.stderr.count(b"\n") == 2

    file = spooled(done.stderr)
    assert file.parent == tmp_path
    env = environment(newest_database.runtime_dsn)
    assert khala("ingest", str(file), env=env).stdout == (
        b"2 events loaded, 0 were there already\n"
    )
    assert khala("ingest", str(file), env=env).stdout == (
        b"0 events loaded, 2 were there already\n"
    )
    document = summary(newest_database, "a/b")
    assert (document["status"], document["owner"]) == ("succeeded", "dev")
    recorded = json.loads(file.read_text().splitlines()[0])
    assert document["started_at"] == recorded["occurred_at"].replace("+00:00", "Z")


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = khala(
            *("run", "--flush", "0.5", "--", "sh", "-c", "echo hi; exit 5"),
            env=environment(f"host=127.0.0.1 port={port} dbname=x user=x", tmp_path),
        )
    assert (done.returncode, done.stdout) == (5, b"hi\n")
    assert b"2 events of run" in done.stderr
    assert b"Traceback" not in done.stderr
    assert spooled(done.stderr).exists()


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = khala(
        *("run", "--flush", "0", "--", "sh", "-c", "exit 6"),
        env={**environment(NO_DATABASE, tmp_path / "file" / "in"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 6
    assert spooled(done.stderr).parent == tmp_path


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_database_that_restarts(
    own_server: PostgresServer, own_database: Database, tmp_path: Path, mode: str
) -> None:
    with running(own_database, tmp_path, "--id", "r", "--", "cat") as process:
        say(process, b"before")
        wait_until(lambda: len(event_types(own_database, "r")) >= 2, "the start is recorded")
        recorded = len(event_types(own_database, "r"))
        own_server.stop("immediate" if mode == "immediate" else "fast")
        for number in range(200):
            say(process, b"away %d" % number)
        own_server.start()
        wait_until(
            lambda: summary(own_database, "r")["progress"]["last_line"] == "away 199",
            "recording goes on",
        )
        output, error = process.communicate(timeout=20)
        assert (process.returncode, output, error) == (0, b"", b"")
    history = events(own_database, "r")
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    assert [event["event_type"] for event in history].count("run.started") == 1
    assert history[-1]["event_type"] == "run.finished"
    assert len(history) <= recorded + 5, "what happened meanwhile is coalesced"


def test_a_database_that_stays_away(
    own_server: PostgresServer, own_database: Database, tmp_path: Path
) -> None:
    with running(own_database, tmp_path, "--id", "r", "--flush", "0.5", "--", "cat") as process:
        say(process, b"before")
        wait_until(lambda: len(event_types(own_database, "r")) >= 2, "the start is recorded")
        own_server.stop("immediate")
        say(process, b"after")
        _, error = process.communicate(timeout=20)
        assert process.returncode == 0
    file = spooled(error)
    own_server.start()
    assert summary(own_database, "r")["status"] == "running"
    loaded = khala("ingest", str(file), env=environment(own_database.runtime_dsn))
    assert loaded.returncode == 0, loaded.stderr
    document = summary(own_database, "r")
    assert document["status"] == "succeeded"
    assert document["progress"] == {"lines": 2, "bytes": 13, "last_line": "after"}
    seqs = [event["seq"] for event in events(own_database, "r")]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_recording_session_that_is_killed(newest_database: Database, tmp_path: Path) -> None:
    with running(newest_database, tmp_path, "--id", "r", "--", "cat") as process:
        for number in range(5):
            say(process, b"line %d" % number)
            wait_until(
                lambda number=number: (  # type: ignore[misc]
                    (summary(newest_database, "r").get("progress") or {}).get("lines") == number + 1
                ),
                "the line shows",
            )
            with newest_database.connect() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'khala run' AND datname = current_database()"
                )
        _, error = process.communicate(timeout=20)
    assert error == b""
    history = events(newest_database, "r")
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))


def test_a_busy_command_is_not_slowed_by_a_database_that_is_away(
    newest_database: Database, tmp_path: Path
) -> None:
    took = tmp_path / "took"
    source = (
        "import os, pathlib, time\n"
        "began = time.monotonic()\n"
        "for _ in range(8000): os.write(1, b'x' * 1023 + b'\\n' + b'y' * 64512)\n"
        f"pathlib.Path({str(took)!r}).write_text(str(time.monotonic() - began))"
    )

    def timed(dsn: str) -> float:
        subprocess.run(
            [KHALA, "run", "--flush", "0", "--", *python(source)],
            env=environment(dsn, tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return float(took.read_text())

    # In turns, so that whatever else runs here slows both; to wait for it would take far longer.
    turns = [(timed(NO_DATABASE), timed(newest_database.runtime_dsn)) for _ in range(2)]
    assert min(away for away, _ in turns) < 4 * min(there for _, there in turns), turns
