"""Starts the command with its output passing through us: what was a terminal stays one.

Where our standard output or error is a terminal, the command gets a terminal of its own in its
place, otherwise a pipe; one for both if both lead to the same place, so that their order stays.
Standard input is left to the command, except when we stand between it and the user's terminal: if
input and output are that terminal, the command gets a whole one, in a session of its own, as under
script(1), because programs that draw on the screen set terminal modes through any descriptor.
"""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from khala_pg.runtime import terminal
from khala_pg.runtime.streams import Copy

STDIN, STDOUT, STDERR = 0, 1, 2
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}
_KEYBOARD_SECONDS = 1.0


@dataclass(frozen=True)
class Child:
    """A running command and the threads that copy its output.

    `whole_terminal`: it has a terminal and session of its own, so no signal of the user's terminal
    reaches it but through us. `terminals` maps our terminals to the copies from the command's.
    """

    process: subprocess.Popen[bytes]
    whole_terminal: bool
    outputs: list[Copy] = field(default_factory=list)
    terminals: dict[int, Copy] = field(default_factory=dict)

    def resize(self) -> None:
        """Our terminal has another size: give it to the command's."""
        for ours, copy in self.terminals.items():
            copy.with_source(partial(terminal.copy_size, ours))

    def drain(self) -> None:
        """The command has ended: wait until its output is through.

        A process that it left behind with one of its pipes open is waited for, as in any
        pipeline; at a terminal none is, as after any command there.
        """
        for copy in self.terminals.values():
            copy.stop()
        for copy in self.outputs:
            copy.wait()

    def hurry(self) -> None:
        """Let `drain` wait for no more than what is there already."""
        for copy in self.outputs:
            copy.stop()

    def abandon(self) -> None:
        """Let `drain` return at once."""
        for copy in self.outputs:
            copy.abandon()


def exit_status(returncode: int) -> tuple[int, str | None]:
    """A shell's exit status for Popen's return code, and the signal's name if it was one."""
    if returncode >= 0:
        return returncode, None
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"SIG{-returncode}"
    return 128 - returncode, name


def _open_missing() -> None:
    """Open missing standard descriptors, so that no pipe of ours gets a standard number."""
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _same_place(first: int, second: int) -> bool:
    return os.path.sameopenfile(first, second)


@contextlib.contextmanager
def started(
    argv: Sequence[str],
    signal_mask: set[int | signal.Signals],
    feed: Callable[[str, bytes], None],
    typed: Callable[[signal.Signals], None],
) -> Iterator[Child]:
    """Start `argv`; raises OSError when it cannot be executed.

    `signal_mask` is the command's; `feed(stream, chunk)` sees its output; `typed` is called for a
    key of which its own terminal makes a signal.
    """
    _open_missing()
    whole = (
        os.isatty(STDIN)
        and os.isatty(STDOUT)
        and _same_place(STDIN, STDOUT)
        and terminal.in_foreground(STDIN)
    )
    theirs: dict[int, int] = {}
    sources: dict[int, int] = {}
    terminals: set[int] = set()
    for number in (STDOUT, STDERR):
        if number == STDERR and STDOUT in theirs and _same_place(STDOUT, STDERR):
            theirs[STDERR] = theirs[STDOUT]
        elif os.isatty(number):
            sources[number], theirs[number] = terminal.open_pair(
                number, process_output=whole and number == STDOUT
            )
            terminals.add(number)
        else:
            sources[number], theirs[number] = os.pipe()

    def before_exec() -> None:
        if whole:
            terminal.take_control(STDIN)
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)

    def execute(words: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(words),
            stdin=theirs[STDOUT] if whole else None,
            stdout=theirs[STDOUT],
            stderr=theirs[STDERR],
            start_new_session=whole,
            # Safe, since no thread runs yet.
            preexec_fn=before_exec,
        )

    try:
        try:
            process = execute(argv)
        except OSError as error:
            script = shutil.which(argv[0])
            if error.errno != errno.ENOEXEC or script is None:
                raise
            # A script without a first line that names its shell: for sh, as execvp(3) has it.
            process = execute(["/bin/sh", script, *argv[1:]])
    except BaseException:
        for descriptor in sources.values():
            os.close(descriptor)
        raise
    finally:
        for descriptor in set(theirs.values()):
            os.close(descriptor)

    with contextlib.ExitStack() as cleanup:
        child = Child(process, whole)
        if whole:
            cleanup.enter_context(terminal.raw_mode(STDIN))
            keyboard = os.dup(sources[STDOUT])
            cleanup.callback(os.close, keyboard)

            def note_keys(keys: bytes) -> None:
                number = terminal.typed_signal(keyboard, keys)
                if number is not None:
                    typed(number)

            keys = Copy("stdin", os.dup(STDIN), keyboard, note_keys)
            keys.start()
            cleanup.callback(keys.wait, _KEYBOARD_SECONDS)
            cleanup.callback(keys.stop)
        for number, source in sources.items():
            copy = Copy(_NAMES[number], source, number, partial(feed, _NAMES[number]))
            child.outputs.append(copy)
            if number in terminals:
                child.terminals[number] = copy
            copy.start()
        yield child
