"""`khala relay --workers`: relays on the same ports, kept running by the process that started them.

The kernel gives each connection to one of them. They know nothing of one another: each has its own
connections to the database, feeds, limits and metrics, as relays on several machines have.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from khala_pg.child_process import (
    Restart,
    die_with_parent,
    how_it_ended,
    ignore,
    woken_by_signals,
)
from khala_pg.errors import KhalaError, UsageError
from khala_pg.relay.opening.ports import Addresses
from khala_pg.relay.process.service_manager import ServiceManager
from khala_pg.relay.process.shared_ports import held
from khala_pg.relay.settings import RelaySettings

logger = logging.getLogger("khala.relay.workers")

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that a relay acts on; the first two stop it."""

# What a worker gets for its end beyond the time that its clients have to go.
_GRACE_S = 5.0
_USAGE = 2

_processes = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Serving:
    """A worker that is ready: its number, from 1, its process, and its addresses."""

    worker: int
    pid: int
    addresses: Addresses


Announce = Callable[[Addresses], None]
Serve = Callable[[RelaySettings, int, Announce], None]
"""A worker's whole life: its settings, its number, and what to call when it is ready.

It begins with SIGNALS blocked, and unblocks them when it is prepared for them.
"""


def run(
    settings: RelaySettings,
    count: int,
    serve: Serve,
    on_serving: Callable[[Sequence[Serving]], None],
    manager: ServiceManager,
) -> None:
    """Runs so many workers until SIGTERM or SIGINT comes, which they are passed as SIGHUP is.

    One that ends is replaced, after a delay that grows while it keeps ending. Call it in the main
    thread of a process that has no other. on_serving: called when all of them are ready.

    Raises UsageError when a port cannot be had or a worker says at its first start that it cannot
    serve, KhalaError when one did not stop in time.
    """
    with held(settings, count) as each, woken_by_signals(dict.fromkeys(SIGNALS, ignore)) as wakeup:
        workers = [_Worker(number, own) for number, own in enumerate(each, 1)]
        try:
            _keep_running(workers, serve, wakeup, on_serving, manager)
        finally:
            manager.stopping()
            killed = _stop(workers, settings.drain_timeout_s + _GRACE_S, wakeup)
    if killed:
        raise KhalaError(f"{killed} of {count} workers did not stop in time and were killed")


class _Worker:
    """The place of one worker: its process, and when there has to be another one."""

    def __init__(self, number: int, settings: RelaySettings) -> None:
        self.serving: Serving | None = None
        self.restart = Restart()
        self.restart.due_at = 0.0
        self._number = number
        self._settings = settings
        self._starts = 0
        self._process: ForkProcess | None = None
        self._link: Connection | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.exitcode is None

    @property
    def sentinels(self) -> list[int]:
        """File descriptors that become readable when its process ends."""
        return [] if self._process is None else [self._process.sentinel]

    @property
    def links(self) -> list[Connection]:
        """Pipes that become readable when it sends a message."""
        return [] if self._link is None else [self._link]

    def start(self, serve: Serve) -> None:
        self._link, link = _processes.Pipe(duplex=False)
        die = die_with_parent(signal.SIGTERM)
        # A signal that comes before the worker is prepared waits for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._process = _processes.Process(
                target=_live, args=(serve, self._settings, self._number, link, die)
            )
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            link.close()
        self._starts += 1
        self.restart.started()

    def hear(self) -> None:
        """Reads its message.

        Raises UsageError when the first process here cannot serve. For a later one it is only
        logged: the others do serve.
        """
        if self._link is None or not self._link.poll():
            return
        try:
            message = self._link.recv()
        except EOFError:
            self._link.close()
            self._link = None
            return
        if isinstance(message, UsageError):
            if self._starts == 1:
                raise message
            logger.error("worker %d cannot serve: %s", self._number, message)
            return
        assert self._process is not None
        assert self._process.pid is not None
        self.serving = Serving(self._number, self._process.pid, message)

    def notice_end(self) -> None:
        """Sees to a successor, if its process has ended."""
        process = self._process
        if process is None or process.exitcode is None:
            return
        logger.warning(
            "worker %d (process %d) %s: another one in %.1f s",
            self._number,
            process.pid,
            how_it_ended(process.exitcode),
            self.restart.ended(),
        )
        process.close()
        self._process = None

    def send_signal(self, number: int) -> None:
        """Sends it to its process, if that is alive."""
        # Only `exitcode` reaps it: what is alive by that still has its number.
        if self.is_alive and self._process is not None and self._process.pid is not None:
            os.kill(self._process.pid, number)


def _keep_running(
    workers: Sequence[_Worker],
    serve: Serve,
    wakeup: socket.socket,
    on_serving: Callable[[Sequence[Serving]], None],
    manager: ServiceManager,
) -> None:
    is_announced = False
    while True:
        manager.alive()
        for worker in workers:
            if worker.restart.due_at is not None and worker.restart.due_at <= time.monotonic():
                worker.start(serve)
        due = [worker.restart.due_at for worker in workers if worker.restart.due_at is not None]
        sources: list[Connection | socket.socket | int] = [wakeup]
        for worker in workers:
            sources += worker.sentinels
            sources += worker.links
        limits_s = [max(0.0, min(due) - time.monotonic())] if due else []
        if manager.alive_every_s is not None:
            limits_s.append(manager.alive_every_s)
        wait(sources, min(limits_s, default=None))
        for number in _heard(wakeup):
            if number != signal.SIGHUP:
                return
            for worker in workers:
                worker.send_signal(number)
        for worker in workers:
            worker.hear()
            worker.notice_end()
        serving = [worker.serving for worker in workers if worker.serving is not None]
        if not is_announced and len(serving) == len(workers):
            is_announced = True
            on_serving(serving)


def _stop(workers: Sequence[_Worker], within_s: float, wakeup: socket.socket) -> int:
    """Returns when all have ended; how many of them by force."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    late = _alive_after(workers, within_s, wakeup)
    for worker in late:
        worker.send_signal(signal.SIGKILL)
    _alive_after(late, None, wakeup)
    return len(late)


def _alive_after(
    workers: Sequence[_Worker], within_s: float | None, wakeup: socket.socket
) -> list[_Worker]:
    """Those that have not ended within that time; None: as long as it takes."""
    deadline = None if within_s is None else time.monotonic() + within_s
    while alive := [worker for worker in workers if worker.is_alive]:
        left_s = None if deadline is None else deadline - time.monotonic()
        if left_s is not None and left_s <= 0:
            break
        sentinels = [each for worker in alive for each in worker.sentinels]
        wait([wakeup, *sentinels], left_s)
        _heard(wakeup)
    return alive


def _heard(wakeup: socket.socket) -> bytes:
    """The numbers of the signals that came."""
    try:
        return wakeup.recv(4096)
    except BlockingIOError:
        return b""


def _live(
    serve: Serve,
    settings: RelaySettings,
    number: int,
    link: Connection,
    die: Callable[[], None] | None,
) -> None:
    """A worker's process."""
    if die is not None:
        die()
    signal.set_wakeup_fd(-1)
    try:
        serve(settings, number, link.send)
    except UsageError as error:
        # The process that started this one reports it, once.
        link.send(error)
        sys.exit(_USAGE)
