"""Under `khala run` a command is what it is without: same bytes, same status, same signals."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.programs.runs import KHALA, NO_DATABASE, environment, khala, python
from support.trials.waiting import wait_until

# Without a database: recording is another matter, and must not be needed here.
QUICK = ("run", "--flush", "0")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(NO_DATABASE, tmp_path / "spool")


def start(env: dict[str, str], *command: str, **options: int) -> subprocess.Popen[bytes]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([KHALA, *QUICK, "--", *command], env=env, **{**streams, **options})  # type: ignore[call-overload, no-any-return]


def test_binary_input_and_output_are_unchanged(env: dict[str, str]) -> None:
    data = os.urandom(5_000_000)
    done = khala(*QUICK, "--", "cat", env=env, stdin=data)
    assert done.returncode == 0
    assert done.stdout == data


def test_standard_error_stays_apart(env: dict[str, str]) -> None:
    done = khala(*QUICK, "--", "sh", "-c", "echo out; echo err >&2; exit 42", env=env)
    assert done.stdout == b"out\n"
    assert done.stderr.startswith(b"err\nkhala: 2 events of run ")
    assert done.returncode == 42


def test_order_within_one_place_is_kept(env: dict[str, str]) -> None:
    source = (
        "import os\nfor n in range(3000): os.write(1 + n % 2, b'%d\\n' % n)"  # out, err, out, err …
    )
    with start(env, *python(source), stderr=subprocess.STDOUT) as process:
        output, _ = process.communicate(timeout=60)
    numbers = output.split(b"khala: ")[0].split()
    assert [int(number) for number in numbers] == list(range(3000))


def test_options_end_with_the_command(env: dict[str, str]) -> None:
    done = khala(*QUICK, "printf", "%s|", "--id", "x", "--", "-y", env=env)
    assert done.stdout == b"--id|x|--|-y|"


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (["/nonexistent/command"], 127, b"khala: /nonexistent/command: command not found\n"),
        (["/etc/passwd"], 126, b"khala: /etc/passwd: Permission denied\n"),
    ],
)
def test_what_cannot_be_executed(
    env: dict[str, str], tmp_path: Path, command: list[str], status: int, says: bytes
) -> None:
    done = khala(*QUICK, "--", *command, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", says)
    assert not (tmp_path / "spool").exists()


def test_a_script_without_a_first_line_is_for_sh(env: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('echo "$1-$2"; exit 3\n')
    script.chmod(0o755)
    done = khala(*QUICK, "--", str(script), "a b", "c", env=env)
    assert (done.returncode, done.stdout) == (3, b"a b-c\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, 40])
def test_death_by_signal_is_reported_as_a_shell_does(env: dict[str, str], number: int) -> None:
    source = f"import os, resource; resource.setrlimit(4, (0, 0)); os.kill(os.getpid(), {number})"
    assert khala(*QUICK, "--", *python(source), env=env).returncode == 128 + number


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2],
)
def test_signals_reach_the_command(env: dict[str, str], number: signal.Signals) -> None:
    source = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: (print('got it'), sys.exit(7)))\n"
        "print('ready')\n"
        "while True: time.sleep(0.1)"
    )
    with start(env, *python(source)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert output == b"got it\n"
    assert process.returncode == 7


def test_the_command_starts_with_no_signal_blocked(env: dict[str, str]) -> None:
    source = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    assert khala(*QUICK, "--", *python(source), env=env).stdout == b"set()\n"


def test_a_reader_that_goes_away_is_noticed(env: dict[str, str]) -> None:
    with start(env, "yes") as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"y\ny\n"
        process.stdout.close()
        assert process.wait(timeout=60) == 128 + signal.SIGPIPE


def test_output_of_whom_it_leaves_behind_still_comes(env: dict[str, str]) -> None:
    with start(env, "sh", "-c", "(sleep 0.5; echo late) & exit 3") as process:
        output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == (b"late\n", 3)


def test_waiting_for_whom_it_leaves_behind_can_be_interrupted(env: dict[str, str]) -> None:
    source = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    with start(env, *python(source)) as process:
        assert process.stdout is not None
        left_behind = int(process.stdout.readline())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: not children.read_text().strip(), "the command has ended")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        os.kill(left_behind, signal.SIGTERM)


def test_closed_standard_descriptors_do_no_harm(env: dict[str, str]) -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        words = f"exec {KHALA} run --flush 0 -- sh -c 'echo out; echo err >&2; exit 9' {closed}"
        done = subprocess.run(["sh", "-c", words], env=env, capture_output=True, check=False)
        assert done.returncode == 9, done.stderr
        assert b"Traceback" not in done.stderr


def test_no_database_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("KHALA_")}
    done = khala("run", "--", "touch", "witness", env=env, cwd=tmp_path)
    assert done.returncode == 125
    assert b"KHALA_DATABASE_URL" in done.stderr
    assert not (tmp_path / "witness").exists()
