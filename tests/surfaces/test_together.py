"""`make surfaces`: a change on all surfaces within a second, and nothing left at the end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.desktop.desktop_surface import require_desktop
from support.postgres.servers import Servers
from support.trials.waiting import wait_until

# With the first build of everything, on a busy machine.
pytestmark = pytest.mark.timeout(600)
TESTS = Path(__file__).resolve().parents[1]
PATIENCE_S = 240.0


@contextmanager
def surfaces(scratch: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`make surfaces`, whose files are below the directory; nothing of it is left afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "surfaces", *arguments],
        cwd=TESTS,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    wait_until(lambda: not started_by(scratch), "everything that it started has ended")
    assert list(scratch.glob("khala-surfaces-*")) == []


def started_by(scratch: Path) -> Sequence[str]:
    """The processes that have this directory for temporary files, with their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={scratch}\0".encode() in (process / "environ").read_bytes() + b"\0":
                found.append((process / "cmdline").read_text("utf-8", "replace"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


@pytest.mark.slow
def test_a_change_is_on_all_of_them_within_a_second(
    servers: Servers, built_page: Path, built_phone: Path
) -> None:
    require_desktop()
    arguments = ("--check", f"--page={built_page}", f"--phone={built_phone}")
    with surfaces(servers.new_home("surfaces"), *arguments) as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
    assert "changes were on all of them within 1 s" in said, said
    print(said)


def said_until_ready(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What it prints until everything is there, by the first word of each line."""
    assert process.stdout is not None
    said: dict[str, str] = {}
    for line in process.stdout:
        name, _, rest = line.partition(" ")
        said[name] = rest.strip()
        if "Ctrl-C" in line:
            return said
    raise AssertionError(f"it has ended: {said}")


def test_it_says_where_they_are_until_ctrl_c(
    servers: Servers, built_page: Path, built_phone: Path
) -> None:
    require_desktop()
    arguments = (f"--page={built_page}", f"--phone={built_phone}")
    with surfaces(servers.new_home("surfaces"), *arguments) as process:
        said = said_until_ready(process)
        assert "/#/sign-in/" in said["page"], said
        assert "/phone.html?" in said["phone"], said
        assert said["desktop"].startswith(("its window is on", "there is no display")), said
        # A second one of an impatient user ends nothing sooner, and keeps nothing from ending.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout is not None
        assert process.stdout.read().endswith("stopped; nothing is left\n")


def test_it_says_when_there_is_no_window_and_leaves_nothing_when_its_terminal_is_closed(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_desktop()
    monkeypatch.setenv("DISPLAY", "none.invalid:1")
    with surfaces(servers.new_home("surfaces")) as process:
        assert said_until_ready(process)["desktop"].startswith("is not shown: khala desktop ")
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: see die_with_parent")
def test_what_it_started_ends_when_it_is_killed(servers: Servers) -> None:
    scratch = servers.new_home("surfaces")
    with surfaces(scratch) as process:
        said_until_ready(process)
        process.kill()
        wait_until(lambda: not started_by(scratch), "everything that it started has ended")
        # Nobody was there to remove it.
        [directory] = scratch.glob("khala-surfaces-*")
        shutil.rmtree(directory)
