"""What a fault can lay hands on, and how it can see that things go on."""

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from faults.publishing import Legacy
from faults.witness import Witness
from faults.writing import REPEATABLE, Writing
from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database
from support.relay.relay_process import RelayProcess
from support.trials.waiting import until
from support.wire.tcp_proxy import TcpProxy

PATIENCE_S = 90.0


@dataclass
class World:
    """One run's actors.

    front: between subscribers and relay; back: between relay and database. Writers reach the
    database itself, and so does the publisher.
    legacy: the backend that it publishes to.
    clock: the file whose content shifts the relay's clock, None when its clock is the machine's.
    scratch: a directory of this run; on the server's volume when that is a small one.
    """

    database: Database
    relay: RelayProcess
    front: TcpProxy
    back: TcpProxy
    writing: Writing
    legacy: Legacy
    rng: random.Random
    clock: Path | None
    scratch: Path
    witnesses: list[Witness] = field(default_factory=list)

    @property
    def server(self) -> PostgresServer:
        return self.database.server

    async def last(self, least_s: float, most_s: float) -> None:
        """Lets a fault last for a time of the seed's choice."""
        await asyncio.sleep(self.rng.uniform(least_s, most_s))

    async def delivered(self) -> None:
        """Returns when every subscriber has everything that is committed now."""
        await self.sequenced()
        heads = self.writing.ledger.heads()
        for witness in self.witnesses:
            await until(
                lambda witness=witness: has_reached(witness, heads),
                f"{witness.name}, at {witness.cursors}, reaches {heads}",
                PATIENCE_S,
            )

    async def sequenced(self) -> None:
        """Returns when everything that is staged now has its watermark."""
        awaited = set(self.writing.staged)

        async def is_booked() -> bool:
            try:
                await self.writing.book_staged()
            except REPEATABLE:
                return False
            return awaited.isdisjoint(self.writing.staged)

        await until(is_booked, f"all of {len(awaited)} staged writes are sequenced", PATIENCE_S)

    async def written(self) -> None:
        """Returns when every writer has committed a transaction that it began from now on."""
        before = dict(self.writing.commits)
        await until(
            lambda: all(self.writing.commits[n] >= count + 2 for n, count in before.items()),
            "all writers go on",
            PATIENCE_S,
        )

    async def paused(self) -> None:
        """Returns when every writer rests; `writing.go.set()` lets them go on."""
        self.writing.go.clear()
        await until(
            lambda: self.writing.idle == set(self.writing.commits),
            "the writers rest",
            PATIENCE_S,
        )

    async def refused(self) -> None:
        """Returns when a writer has been refused from now on."""
        before = self.writing.repeats
        await until(lambda: self.writing.repeats > before, "a writer is refused", PATIENCE_S)

    async def start_server(self) -> float:
        """Starts the server that has ended or is ending; the moment when that began."""
        lifted = time.monotonic()
        await asyncio.to_thread(self.server.stop, "immediate")
        await asyncio.to_thread(self.server.start)
        return lifted


def has_reached(witness: Witness, heads: dict[str, int]) -> bool:
    """Whether it has everything up to the heads of the topics it follows."""
    return witness.has_reached({t: head for t, head in heads.items() if t in witness.topics})


def kill_server(server: PostgresServer) -> None:
    """SIGKILL for every process of a server, as when its machine loses power."""
    postmaster = server.pid
    assert postmaster is not None, "the server does not run"
    os.kill(postmaster, signal.SIGSTOP)  # it must not start others meanwhile
    for child in children(postmaster):
        os.kill(child, signal.SIGKILL)
    os.kill(postmaster, signal.SIGKILL)


def children(parent: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    return [
        int(pid)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
