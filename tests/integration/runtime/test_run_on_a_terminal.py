"""A command under `khala run` on a terminal: it has one too, with keys, size and signals."""

import json
import os
import signal
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.programs import terminals
from support.programs.runs import KHALA, NO_DATABASE, environment, python
from support.programs.terminals import Screen
from support.trials.waiting import wait_until


@contextmanager
def terminal(
    tmp_path: Path, command: Sequence[str], stdin: int | None = None, stdout: int | None = None
) -> Iterator[Screen]:
    with terminals.terminal(
        [KHALA, "run", "--flush", "0", "--", *command],
        environment(NO_DATABASE, tmp_path),
        stdin,
        stdout,
    ) as screen:
        yield screen


def last_event(tmp_path: Path) -> tuple[str, int | None, str | None]:
    """How the run ended: the type of its last event, its exit code and signal."""
    [file] = tmp_path.iterdir()
    event = json.loads(file.read_text().splitlines()[-1])
    return event["type"], event["payload"]["exit_code"], event["payload"]["signal"]


def settings(descriptor: int) -> list[Any]:
    return termios.tcgetattr(descriptor)


def test_all_three_are_a_terminal_of_the_same_size(tmp_path: Path) -> None:
    source = (
        "import os\n"
        "print([os.isatty(n) for n in range(3)], os.get_terminal_size(), os.ttyname(0))\n"
        "print(open('/dev/tty').isatty())"
    )
    with terminal(tmp_path, python(source)) as screen:
        before = settings(screen.theirs)
        seen = screen.read_until(b"khala: 2 events")
        assert b"[True, True, True] os.terminal_size(columns=101, lines=33)" in seen
        assert os.ttyname(screen.theirs).encode() + b"\r" not in seen
        assert b"True\r\n" in seen
        assert b"\r\r\n" not in seen
        assert screen.process.wait(timeout=20) == 0
        assert settings(screen.theirs) == before


def test_keys_reach_the_command(tmp_path: Path) -> None:
    source = (
        "print('name?'); print('hello', input()); print('rest', __import__('sys').stdin.read())"
    )
    with terminal(tmp_path, python(source)) as screen:
        screen.read_until(b"name?")
        screen.type(b"zer\x7falda\r")
        screen.read_until(b"hello zealda\r\n")
        screen.type(b"more\r\x04")
        screen.read_until(b"rest more\r\n")
        assert screen.process.wait(timeout=20) == 0


def test_ctrl_c_interrupts_it_once(tmp_path: Path) -> None:
    source = (
        "import signal, time\n"
        "caught = []\n"
        "signal.signal(signal.SIGINT, lambda *_: caught.append(1))\n"
        "print('ready')\n"
        "while not caught: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "print('caught', len(caught)); raise SystemExit(5)"
    )
    with terminal(tmp_path, python(source)) as screen:
        screen.read_until(b"ready")
        screen.type(b"\x03")
        screen.read_until(b"caught 1\r\n")
        assert screen.process.wait(timeout=20) == 5
    assert last_event(tmp_path) == ("run.cancelled", 5, "SIGINT")


def test_ctrl_c_as_a_key_like_any_other_cancels_nothing(tmp_path: Path) -> None:
    source = (
        "import sys, tty\n"
        "tty.setraw(0); print('ready')\n"
        "key = sys.stdin.read(1); print(ascii(key)); raise SystemExit(5)"
    )
    with terminal(tmp_path, python(source)) as screen:
        screen.read_until(b"ready")
        screen.type(b"\x03")
        screen.read_until(b"\\x03")
        assert screen.process.wait(timeout=20) == 5
    assert last_event(tmp_path) == ("run.finished", 5, None)


def test_ctrl_c_kills_what_does_not_care(tmp_path: Path) -> None:
    # Not a shell: dash catches SIGINT, and loses one that comes as it goes on to the last command.
    source = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready'); signal.pause()"
    )
    with terminal(tmp_path, python(source)) as screen:
        before = settings(screen.theirs)
        screen.read_until(b"ready")
        screen.type(b"\x03")
        assert screen.process.wait(timeout=20) == 128 + signal.SIGINT
        assert settings(screen.theirs) == before
    assert last_event(tmp_path) == ("run.cancelled", None, "SIGINT")


def test_a_new_size_is_passed_on(tmp_path: Path) -> None:
    source = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
        "print('ready'); signal.sigwait({signal.SIGWINCH}); print(os.get_terminal_size())"
    )
    with terminal(tmp_path, python(source)) as screen:
        screen.read_until(b"ready")
        termios.tcsetwinsize(screen.ours, (50, 160))
        screen.read_until(b"columns=160, lines=50")


def test_input_from_elsewhere_leaves_ctrl_c_to_the_terminal(tmp_path: Path) -> None:
    source = (
        "import os, signal, sys, time\n"
        "caught = []\n"
        "signal.signal(signal.SIGINT, lambda *_: caught.append(1))\n"
        "print(sys.stdin.read(), [os.isatty(n) for n in range(3)], os.get_terminal_size())\n"
        "print('ready')\n"
        "while not caught: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "print('caught', len(caught))"
    )
    reader, writer = os.pipe()
    os.write(writer, b"piped")
    os.close(writer)
    with terminal(tmp_path, python(source), stdin=reader) as screen:
        os.close(reader)
        seen = screen.read_until(b"ready")
        assert b"piped [False, True, True] os.terminal_size(columns=101, lines=33)\r\n" in seen
        assert b"\r\r\n" not in seen
        screen.type(b"\x03")
        screen.read_until(b"caught 1\r\n")
        assert screen.process.wait(timeout=20) == 0


def test_output_to_elsewhere_leaves_error_and_input_at_the_terminal(tmp_path: Path) -> None:
    source = (
        "import os, sys\n"
        "print([os.isatty(n) for n in range(3)])\n"
        "print('name?', file=sys.stderr); print('hello', input())"
    )
    output = tmp_path / "output"
    with (
        output.open("wb") as file,
        terminal(tmp_path, python(source), stdout=file.fileno()) as screen,
    ):
        screen.read_until(b"name?\r\n")
        screen.type(b"zelda\r")
        assert screen.process.wait(timeout=20) == 0
    assert output.read_bytes() == b"[True, False, True]\nhello zelda\n"


def test_a_background_job_at_the_terminal_does_not_keep_it(tmp_path: Path) -> None:
    with terminal(tmp_path, ["sh", "-c", "trap '' HUP; sleep 600 & echo $!"]) as screen:
        assert screen.process.wait(timeout=20) == 0
        left_behind = int(screen.read_until(b"\n").split()[0])
        os.kill(left_behind, signal.SIGTERM)


def test_hanging_up_ends_the_command(tmp_path: Path) -> None:
    with terminal(tmp_path, ["sh", "-c", "echo $$; exec sleep 600"]) as screen:
        command = int(screen.read_until(b"\n").split()[0])
        screen.process.send_signal(signal.SIGHUP)
        assert screen.process.wait(timeout=20) == 128 + signal.SIGHUP
        wait_until(lambda: not Path(f"/proc/{command}").exists(), "the command is gone")
