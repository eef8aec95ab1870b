"""Runs a command as a run: what it does is recorded while it passes through unchanged."""

import contextlib
import os
import secrets
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from khala_pg.errors import UsageError
from khala_pg.runtime import child as children
from khala_pg.runtime import signals, spool
from khala_pg.runtime.child import STDERR, Child, exit_status
from khala_pg.runtime.outbox import Outbox, Pace
from khala_pg.runtime.output import OutputMeter
from khala_pg.runtime.recorder import Leftover, Recorder
from khala_pg.runtime.streams import write_all
from khala_pg.settings import check_utf8

__all__ = ["RunOptions", "new_run_id", "run_command"]

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_TITLE_CHARACTERS = 200
_COMMAND_CHARACTERS = 4000
_ID_CHARACTERS = 400


@dataclass(frozen=True)
class RunOptions:
    """Options of a recorded run.

    `database` is a connection string, `title` None the command itself,
    `flush_seconds` how long the end may take when the database does not respond, `spool_directory`
    where events go that it did not take.
    """

    database: str
    run_id: str
    title: str | None
    org_id: str
    spool_directory: Path
    flush_seconds: float
    pace: Pace


def new_run_id(now: datetime) -> str:
    """A unique id that sorts by time."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(6)}"


def run_command(argv: Sequence[str], options: RunOptions) -> int:
    """Run `argv`; its exit status as a shell would report it.

    To be called from the main thread while it is the only one. Raises UsageError for options that
    cannot be recorded; nothing has been started then. Later errors are printed on standard
    error after the command has ended, and changes neither its output nor its status.
    """
    if not 1 <= len(options.run_id) <= _ID_CHARACTERS:
        raise UsageError(
            "the run's id is empty or too long", f"Use 1 to {_ID_CHARACTERS} characters."
        )
    check_utf8(options.run_id, "the run's id", f"Use 1 to {_ID_CHARACTERS} characters of UTF-8.")
    meter = OutputMeter()
    wanted, mask = signals.block()
    request = _EndRequest()
    began, began_at = time.monotonic(), datetime.now(UTC)
    with contextlib.ExitStack() as running:
        try:
            child = running.enter_context(children.started(argv, mask, meter.feed, request.note))
        except FileNotFoundError:
            _say(f"{argv[0]}: command not found")
            return NOT_FOUND
        except OSError as error:
            _say(f"{argv[0]}: {error.strerror}")
            return NOT_EXECUTABLE
        recorder = Recorder(
            options.database,
            options.run_id,
            options.org_id,
            Outbox(_start_payload(argv, options), began_at, options.pace),
            meter,
        )
        forwarder = signals.Forwarder(wanted, partial(_on_signal, child, recorder, request))
        forwarder.start()
        recorder.start()
        returncode = child.process.wait()
        ended, ended_at = time.monotonic(), datetime.now(UTC)
        # A signal that was sent to both is known before the end is judged.
        forwarder.settle()
        request.is_open = False
        child.drain()
    status, signal_name = exit_status(returncode)
    # A command that was asked to end and did what it was for all the same has succeeded.
    cancelled_by = request.by if status else None
    leftover = recorder.finish(
        "run.cancelled" if cancelled_by else "run.finished",
        {
            "exit_code": None if signal_name else status,
            "signal": signal_name or (cancelled_by.name if cancelled_by else None),
            "duration_ms": round((ended - began) * 1000),
            **meter.progress().payload(),
        },
        ended_at,
        options.flush_seconds,
    )
    forwarder.stop()
    for copy in child.outputs:
        if copy.failure is not None and not isinstance(copy.failure, BrokenPipeError):
            _say(f"output could not be passed on: {copy.failure.strerror}")
    _keep(leftover, options)
    if recorder.stuck:
        # A name lookup cannot be cancelled, and leaving in the ordinary way would wait for it.
        os._exit(status)
    return status


@dataclass
class _EndRequest:
    """The signal by which somebody asked for the end of the command, as long as that counts."""

    by: signal.Signals | None = None
    is_open: bool = True

    def note(self, number: signal.Signals) -> None:
        if self.is_open and number in signals.ENDING:
            self.by = number


def _on_signal(
    child: Child,
    recorder: Recorder,
    request: _EndRequest,
    number: signal.Signals,
    from_kernel: bool,
) -> None:
    if number == signal.SIGWINCH:
        child.resize()
    request.note(number)
    if child.process.returncode is None:
        # From the kernel, the command has it too if it shares our terminal; but it may have asked
        # for the window's size before we had set it.
        shared = from_kernel and not child.whole_terminal and number != signal.SIGWINCH
        if not shared:
            child.process.send_signal(number)
    elif number == signal.SIGWINCH:
        return
    elif request.is_open:
        child.hurry()
    else:
        child.abandon()
        recorder.hurry()


def _start_payload(argv: Sequence[str], options: RunOptions) -> Mapping[str, Any]:
    command = [_readable(part) for part in argv]
    title = options.title if options.title is not None else shlex.join(command)
    payload: dict[str, Any] = {
        "title": _readable(title)[:_TITLE_CHARACTERS],
        "heartbeat_s": options.pace.heartbeat,
    }
    if sum(map(len, command)) <= _COMMAND_CHARACTERS:
        payload["command"] = command
    return payload


def _readable(text: str) -> str:
    """The argument with bytes replaced that are not UTF-8, which cannot be recorded."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _keep(leftover: Leftover, options: RunOptions) -> None:
    """Spool unrecorded events, and report the file."""
    if not leftover.events:
        return
    count = len(leftover.events)
    what = f"{count} event{'s' if count > 1 else ''} of run {options.run_id} not recorded"
    if not leftover.loadable:
        _say(f"{what}: {leftover.reason}")
        return
    try:
        path = spool.write(options.spool_directory, leftover.events, options.run_id, options.org_id)
    except OSError as error:
        _say(f"{what} and not spooled either: {leftover.reason}; {error}")
        return
    _say(f"{what}: {leftover.reason}", f"Load with: khala ingest {shlex.quote(str(path))}")


def _say(message: str, hint: str = "") -> None:
    text = f"khala: {message}\n" + (f"  {hint}\n" if hint else "")
    # With standard error gone there is nobody to tell, and the command's status still counts.
    with contextlib.suppress(OSError):
        write_all(STDERR, text.encode("utf-8", errors="replace"))
