"""`khala` in forks of one process that has imported everything: a command takes milliseconds.

A fork ends as a process of its own would: its interpreter flushes what is left and has its last
word on standard error. Run as a program, this module is that process: requests on its standard
input, outcomes on its standard output, one line of JSON each.
"""

import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

_LIMIT_S = 60.0
INPUT_BYTES = 2**20
"""The most that a command may be given to read: what a pipe holds."""


@dataclass(frozen=True)
class Streams:
    """Standard streams of a command: pipe, null, closed, or unread (a pipe without a reader).

    On its input a pipe has what it is given, and then ends.
    """

    stdin: str = "null"
    stdout: str = "pipe"


PIPED = Streams()


@dataclass(frozen=True)
class Done:
    """End of a command. status: as the shell has it, a signal's as its negative number."""

    status: int
    out: str
    err: str


class ForkedKhala:
    """The process that forks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        *,
        until: str = "",
        streams: Streams = PIPED,
    ) -> Done:
        """Runs a command to its end. until: interrupts it as Ctrl-C does once it has said this (a
        regular expression)."""
        status, *said = self._ask(
            {
                "arguments": list(arguments),
                "environment": dict(environment),
                "directory": str(directory),
                "until": until,
                **asdict(streams),
            }
        )
        return Done(status, *(text.decode(errors="backslashreplace") for text in said))

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        stdin: bytes | None,
        timeout_s: float,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command to its end and that of its output, as subprocess.run does. stdin: None for
        none, at most INPUT_BYTES. Raises TimeoutExpired."""
        status, out, err = self._ask(
            {
                "arguments": list(arguments),
                "environment": dict(environment),
                "directory": str(directory),
                "stdin": "null" if stdin is None else "pipe",
                "input": (stdin or b"").decode("latin-1"),
                "stdout": "pipe",
                "to_the_end_of_output": True,
                "timeout_s": timeout_s,
            }
        )
        command = ["khala", *arguments]
        if status is None:
            raise subprocess.TimeoutExpired(command, timeout_s, out, err)
        return subprocess.CompletedProcess(command, status, out, err)

    def _ask(self, request: Mapping[str, Any]) -> tuple[Any, bytes, bytes]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        outcome = json.loads(self._process.stdout.readline())
        out, err = (outcome[name].encode("latin-1") for name in ("out", "err"))
        return outcome["status"], out, err

    def end(self) -> None:
        self._process.kill()
        with self._process:
            pass


def start_forking(environment: Mapping[str, str]) -> ForkedKhala:
    """environment: of the interpreter, which reads its locale once."""
    return ForkedKhala(
        subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=dict(environment),
        )
    )


@contextmanager
def forked_khala(environment: Mapping[str, str]) -> Iterator[ForkedKhala]:
    """One of these, and its end."""
    forked = start_forking(environment)
    try:
        yield forked
    finally:
        forked.end()


def _serve() -> None:
    from khala_pg.cli.main import COMMANDS, app
    from khala_pg.errors import UsageError

    for module in COMMANDS.values():
        importlib.import_module(f"khala_pg.cli.{module}")
    # Typer imports a good deal at the first call.
    with contextlib.suppress(UsageError):
        app(["keyring", "show", "/none"], standalone_mode=False)
    gc.freeze()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        outcome = _run(request)
        if outcome is None:
            return
        sys.stdout.buffer.write(json.dumps(outcome).encode() + b"\n")
        sys.stdout.buffer.flush()


def _run(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Status (None: it took too long), and bytes in latin-1; None in the fork, when its command
    returned."""
    given = _given(request)
    out, their_out = os.pipe()
    err, their_err = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.close(err)
        _become(request, given, their_out, their_err)
        importlib.import_module("khala_pg.cli.main").main()
        return None
    for theirs in (their_out, their_err, given):
        if theirs is not None:
            os.close(theirs)
    if request["stdout"] == "unread":
        # Only now, so that nothing else gets its number: what is read there is the end at once.
        ended, writer = os.pipe()
        os.close(writer)
        os.dup2(ended, out)
        os.close(ended)
    said: dict[int, bytes] = {out: b"", err: b""}
    try:
        status = _follow(child, said, request)
    finally:
        for descriptor in said:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    texts = [text.decode("latin-1") for text in said.values()]
    return {"status": status, "out": texts[0], "err": texts[1]}


def _given(request: Mapping[str, Any]) -> int | None:
    """A pipe that holds all that the command is given to read."""
    if request["stdin"] != "pipe":
        return None
    given, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, INPUT_BYTES)
    with os.fdopen(writer, "wb") as file:
        file.write(request["input"].encode("latin-1"))
    return given


def _follow(child: int, said: dict[int, bytes], request: Mapping[str, Any]) -> int | None:
    """The exit status. Reads what the child writes until it ends."""
    deadline = time.monotonic() + request.get("timeout_s", _LIMIT_S)
    until = re.compile(request["until"].encode()) if request.get("until") else None
    ended = os.pidfd_open(child)
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        for descriptor in said:
            with contextlib.suppress(OSError):
                selector.register(descriptor, selectors.EVENT_READ)
        over = False
        # What is in the pipes at its end is read too; a grandchild may hold them open.
        to_the_end = request.get("to_the_end_of_output")
        while (
            not over
            or (to_the_end and selector.get_map())
            or any(key.fd != ended for key, _ in selector.select(0))
        ):
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                os.kill(child, signal.SIGKILL)
                if "timeout_s" not in request:
                    raise TimeoutError(f"{request['arguments']}: {said}")
                os.close(ended)
                os.waitpid(child, 0)
                return None
            for key, _ in ready:
                if key.fd == ended:
                    over = True
                    selector.unregister(ended)
                elif chunk := os.read(key.fd, 65536):
                    said[key.fd] += chunk
                else:
                    selector.unregister(key.fd)
            if until is not None and any(map(until.search, said.values())):
                os.kill(child, signal.SIGINT)
                until = None
    os.close(ended)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _become(request: Mapping[str, Any], given: int | None, out: int, err: int) -> None:
    """Makes this fork what the start of `khala` makes of a process."""
    null = os.open(os.devnull, os.O_RDWR)
    streams = {
        0: {"null": null, "pipe": given}.get(request["stdin"]),
        1: {"null": null, "pipe": out, "unread": out}.get(request["stdout"]),
        2: err,
    }
    for target, source in streams.items():
        if source is None:
            os.close(target)
        else:
            os.dup2(source, target)
    for descriptor in (null, given, out, err):
        if descriptor is not None and descriptor > 2:
            os.close(descriptor)
    # As the interpreter has made its own.
    made = [
        None if streams[number] is None else _stream(number, model)
        for number, model in enumerate((sys.stdin, sys.stdout, sys.stderr))
    ]
    sys.stdin = sys.__stdin__ = made[0]  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = made[1]  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = made[2]  # type: ignore[misc]
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    sys.argv = ["khala", *request["arguments"]]


def _stream(number: int, model: IO[str]) -> io.TextIOWrapper:
    raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
    buffer = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
    assert isinstance(model, io.TextIOWrapper)
    return io.TextIOWrapper(
        buffer, encoding=model.encoding, errors=model.errors, line_buffering=number == 2
    )


if __name__ == "__main__":
    _serve()
