"""The desktop surface in a process of its own, on a display of its own, watched by a test.

As a program it is `khala desktop` with a second line of input: each line of JSON on standard input
is a request, and each has a line as the answer. What it shows is read from the real window, and
notifications on a real session bus.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from khala_pg.child_process import die_with_parent
from support.programs.missing import skip_without
from support.trials.waiting import wait_until

PATIENCE_S = 60.0
_ESTABLISHED = "01"


def require_desktop() -> None:
    """Skips where the extra or Xvfb is missing; CI has both."""
    programs = {"Xvfb": "xvfb", "dbus-daemon": "dbus-daemon", "dbus-monitor": "dbus-bin"}
    missing = [f"Debian's {programs[each]}" for each in programs if not shutil.which(each)]
    if reason := qt_missing():
        missing.append(reason)
    if missing:
        skip_without(f"the desktop surface needs {', '.join(missing)}")


def qt_missing() -> str | None:
    """Why Qt cannot be loaded; None if it can."""
    probe = subprocess.run(
        [sys.executable, "-c", "import PySide6.QtWidgets, PySide6.QtNetwork"],
        capture_output=True,
        text=True,
        check=False,
    )
    return probe.stderr.strip().rpartition("\n")[2] if probe.returncode else None


@contextmanager
def virtual_display() -> Iterator[str]:
    """An X server without a screen; its name."""
    reader, writer = os.pipe()
    arguments = ["-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        ["Xvfb", *arguments],
        pass_fds=[writer],
        stderr=subprocess.PIPE,
        # Ctrl-C is for whoever shows something on it.
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    ) as server:
        os.close(writer)
        try:
            with os.fdopen(reader) as answer:
                number = answer.readline().strip()
            assert number, server.stderr and server.stderr.read()
            yield f":{number}"
        finally:
            server.terminate()


@contextmanager
def session_bus() -> Iterator[str]:
    """A D-Bus session bus; its address."""
    with subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


@contextmanager
def monitored(bus: str, rule: str, said: Path) -> Iterator[Path]:
    """A file with the messages on a bus that match the rule, as they come."""
    with (
        said.open("w") as file,
        subprocess.Popen(["dbus-monitor", "--address", bus, rule], stdout=file) as monitor,
    ):
        try:
            # Its own name is lost as it becomes a monitor.
            wait_until(lambda: "NameLost" in said.read_text(), "the monitor is there", PATIENCE_S)
            yield said
        finally:
            monitor.terminate()


@dataclass
class Surface:
    """A running desktop surface."""

    process: "subprocess.Popen[str]"

    def ask(self, what: str, **more: Any) -> Any:
        """One request, and its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"what": what, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the surface has ended"
        return json.loads(line)

    def seen(self) -> dict[str, Any]:
        """What the window shows now."""
        return dict(self.ask("state"))

    def shows(self, what: str, **expected: Any) -> dict[str, Any]:
        """Waits until the window shows this; what it shows then."""
        found: dict[str, Any] = {}

        def held() -> bool:
            found.update(self.seen())
            return all(found[name] == value for name, value in expected.items())

        try:
            wait_until(held, what, PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {found}") from error
        return found

    def ports(self) -> list[int]:
        """Remote ports of the TCP connections that it has."""
        process = Path(f"/proc/{self.process.pid}")
        inodes = set()
        for descriptor in (process / "fd").iterdir():
            # One that was closed meanwhile is none.
            with contextlib.suppress(FileNotFoundError):
                inodes.add(str(descriptor.readlink()))
        lines = (process / "net/tcp").read_text().splitlines()[1:]
        found = [line.split() for line in lines]
        return [
            int(fields[2].rpartition(":")[2], 16)
            for fields in found
            if fields[3] == _ESTABLISHED and f"socket:[{fields[9]}]" in inodes
        ]

    def processor_s(self) -> float:
        """Processor time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def idle_share(self, seconds: float) -> float:
        """Share of a core that it takes over some time in which nothing happens."""
        before, began = self.processor_s(), time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return (self.processor_s() - before) / (time.monotonic() - began)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def surface(
    environment: Mapping[str, str],
    directory: Path,
    *,
    module: str = "support.desktop.desktop_driver",
) -> Iterator[Surface]:
    """A desktop surface with these settings and nothing else of Khala's; killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        env=surroundings(environment, directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
        start_new_session=True,
    ) as process:
        try:
            yield Surface(process)
        finally:
            process.kill()


def surroundings(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment of a surface whose files are in the directory."""
    kept = ("PATH", "HOME", "LANG", "CI")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OA_DESKTOP_KHALA_SYNC_ENABLED": "true",
        # Longer than the address of a socket may be.
        "XDG_STATE_HOME": str(directory / "state" / ("long" * 30)),
        "XDG_CONFIG_HOME": str(directory / "config"),
        "XDG_RUNTIME_DIR": str(directory),
        "QT_QPA_PLATFORM": "xcb",
        **environment,
    }
