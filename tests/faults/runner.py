"""One run: writers, a payer, a relay, subscribers, a publisher, purges, a new topic, and one fault
amid it."""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from faults import network
from faults.kinds import KINDS, Kind
from faults.memory import Memory
from faults.paying import SETTLEMENTS, Payer, check_payments, create_paywall
from faults.publishing import GROUPED, legacy
from faults.stage import NotPossibleError, Stage, fake_clock_environment, versions
from faults.witness import Witness
from faults.world import PATIENCE_S, World, has_reached
from faults.writing import RECORD, REPEATABLE, Writer, Writing
from khala_pg.client import Endpoint
from support.postgres.databases import Database
from support.relay.relay_process import QUICK, RelayProcess
from support.trials.seeds import stream
from support.trials.waiting import until
from support.wire.tcp_proxy import TcpProxy

WRITERS = 3
SUBSCRIBERS = 6
ORGS = ("red", "blue", "nobody")
TOPICS = ("runtime.run_summaries", "runtime.notifications", GROUPED)
NEW_TOPIC = "faults.registered_meanwhile"
FOLLOWED = (*TOPICS, SETTLEMENTS)
ALL_TOPICS = (*FOLLOWED, NEW_TOPIC)
LIMITS = {
    **QUICK,
    # No look without a reason: a wake-up that is lost must not be made up for by the next poll.
    "slow_poll_interval_s": 100_000.0,
    "probe_interval_s": 1.0,
    "probe_timeout_s": 1.0,
    # Small enough that catching up takes several pages, and buffers fill.
    "max_batch_updates": 50,
    "max_write_buffer_bytes": 64 * 1024,
}
# What a run of some seconds may add to the relay's memory.
MOST_GROWTH_BYTES = 48 * 2**20
_LOOK_S = 0.2
_HORIZON = "3 seconds"
_PURGE: LiteralString = "SELECT deleted FROM khala.retain(NULL, now(), %s::interval, %s)"
_REGISTER: LiteralString = "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => %s)"


@dataclass(frozen=True)
class Outcome:
    """What one run showed, its invariants having held.

    writers_s, delivered_s: from the end of the fault until every writer had committed again, and
    until every subscriber had all that was committed then.
    repeats: transactions that writers repeated; snapshots: stale cursors that were recovered from.
    published: upserts of the legacy backend. purged: journal rows; growth_bytes: of the relay's
    memory (see Memory).
    """

    seed: int
    fault: str
    postgres: str
    writers_s: float
    delivered_s: float
    commits: int
    repeats: int
    updates: int
    published: int
    connections: int
    snapshots: int
    purged: int
    growth_bytes: int
    run_s: float


def kind_of(seed: int) -> Kind:
    """The fault that a seed means."""
    return KINDS[seed % len(KINDS)]


def version_of(seed: int) -> str:
    """The version of PostgreSQL that a seed means, of those that are here."""
    here = versions()
    return here[seed // len(KINDS) % len(here)]


async def run(stage: Stage, seed: int, kind: Kind | None = None) -> Outcome:
    """One run with the seed's fault, or with another one.

    Raises NotPossibleError when this machine cannot have the fault, and AssertionError, perhaps in
    a group, when an invariant does not hold.
    """
    began = time.monotonic()
    kind = kind or kind_of(seed)
    version = version_of(seed)
    if kind.own_network and (missing := network.missing()) is not None:
        raise NotPossibleError(missing)
    with stage.database(kind, version) as (database, scratch):
        async with _world(database, scratch, kind, seed) as world:
            drive = _Drive(world, seed)
            writers_s, delivered_s = await drive.run(kind)
            updates = await asyncio.to_thread(drive.check)
            await world.legacy.delivered()
            published = await world.legacy.check(world.writing.ledger)
            growth = drive.memory.growth_bytes
            assert growth < MOST_GROWTH_BYTES, f"the relay grew by {growth / 2**20:.0f} MiB"
    return Outcome(
        seed=seed,
        fault=kind.name,
        postgres=version,
        writers_s=writers_s,
        delivered_s=delivered_s,
        commits=len(world.writing.ledger),
        repeats=world.writing.repeats,
        updates=updates,
        published=published,
        connections=sum(witness.connections for witness in world.witnesses),
        snapshots=sum(witness.snapshots for witness in world.witnesses),
        purged=drive.purged,
        growth_bytes=growth,
        run_s=time.monotonic() - began,
    )


class _Drive:
    """The course of one run in its world."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self._calm = asyncio.Event()
        self._heads: dict[str, int] | None = None
        self.purged = 0
        self.refused = 0
        self.memory = Memory(world.relay)

    async def run(self, kind: Kind) -> tuple[float, float]:
        """Everything up to the moment when all subscribers have everything.

        Seconds that writers and deliveries took to recover.
        """
        world = self._world
        async with asyncio.TaskGroup() as actors:
            for n in range(SUBSCRIBERS):
                self._follow(actors, f"subscriber {n}", ORGS[n % len(ORGS)], FOLLOWED)
            writers = [
                actors.create_task(made(n, world.writing, stream(self._seed, f"writer {n}")).run())
                for n, made in enumerate((*[Writer] * WRITERS, Payer))
            ]
            world.writing.go.set()
            await world.written()
            watching = actors.create_task(self._watch())
            purging = actors.create_task(self._purge(stream(self._seed, "purges")))
            registering = actors.create_task(
                self._register(stream(self._seed, "registering"), actors)
            )
            await world.last(0.2, 1.0)
            lifted = await kind.inject(world)
            await world.written()
            writers_s = world.writing.recovered_at(lifted) - lifted
            await world.delivered()
            delivered_s = time.monotonic() - lifted
            await registering
            await world.written()
            world.writing.stop()
            self._calm.set()
            await asyncio.gather(purging, watching, *writers)
            await world.sequenced()
            self._heads = await asyncio.to_thread(self._check_database)
        return writers_s, delivered_s

    def _check_database(self) -> dict[str, int]:
        with self._world.database.connect() as connection:
            check_payments(connection)
            return self._world.writing.ledger.check(connection, ALL_TOPICS)

    def check(self) -> int:
        """Holds database and subscribers against what was written; the updates delivered."""
        world = self._world
        with world.database.connect() as connection:
            return sum(
                witness.check_against(world.writing.ledger, connection)
                for witness in world.witnesses
            )

    def _follow(
        self, actors: asyncio.TaskGroup, name: str, org: str, topics: tuple[str, ...]
    ) -> None:
        """A subscriber; every second one now and then resets its connection."""
        world = self._world
        rng = stream(self._seed, name)

        def url() -> str:
            port = world.front.port
            token = world.relay.token(org, ALL_TOPICS)
            return f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0&token={token}"

        def endpoint() -> Endpoint:
            return Endpoint(world.relay.ws, world.relay.token(org, ALL_TOPICS))

        witness = Witness(name, org, topics, url, endpoint)
        frames = rng.choice([5, 20, 80]) if len(world.witnesses) % 2 else None
        world.witnesses.append(witness)
        actors.create_task(self._live(witness, rng, frames))

    async def _live(self, witness: Witness, rng: random.Random, frames: int | None) -> None:
        if frames is not None:
            await witness.live(self._calm.is_set, rng, frames)
        # The others never go by themselves.
        await witness.live(lambda: self._has_all(witness), rng, None)

    def _has_all(self, witness: Witness) -> bool:
        return self._heads is not None and has_reached(witness, self._heads)

    async def _watch(self) -> None:
        """Looks at the relay's memory until the writers stop, and once more."""
        while not self._calm.is_set():
            self.memory.look()
            await asyncio.sleep(_LOOK_S)  # the interval of a gauge
        self.memory.look()

    async def _purge(self, rng: random.Random) -> None:
        """Purges in batches of random size until the writers stop."""
        while not self._calm.is_set():
            await asyncio.sleep(rng.uniform(0.1, 0.5))  # the interval of a scheduled job
            batch = rng.randint(20, 500)
            for row in await self._as_dba(_PURGE, [_HORIZON, batch]) or []:
                self.purged += row[0]

    async def _register(self, rng: random.Random, actors: asyncio.TaskGroup) -> None:
        """Registers a topic at a random moment; writers use it, somebody subscribes to it."""
        await asyncio.sleep(rng.uniform(0, 2.0))  # the moment is the seed's choice
        writes = rng.choice(["direct", "grouped"])

        async def is_registered() -> bool:
            return await self._as_dba(_REGISTER, [NEW_TOPIC, writes]) is not None

        await until(is_registered, "the topic is registered", PATIENCE_S)
        self._world.writing.topics.append(NEW_TOPIC)
        self._follow(actors, "newcomer", rng.choice(ORGS), ALL_TOPICS)

    async def _as_dba(self, query: LiteralString, values: list[Any]) -> list[Any] | None:
        """What a call returns; None when the fault refused it."""
        try:
            async with await psycopg.AsyncConnection.connect(
                self._world.database.dba_dsn,
                autocommit=True,
                connect_timeout=2,
                options="-c statement_timeout=2s",
            ) as connection:
                return await (await connection.execute(query, values)).fetchall()
        except REPEATABLE:
            self.refused += 1
            return None


@asynccontextmanager
async def _world(database: Database, scratch: Path, kind: Kind, seed: int) -> AsyncIterator[World]:
    """A relay between two proxies, ready, and a ledger without an entry."""
    rng = stream(seed, "fault")
    with database.connect() as connection:
        connection.execute(_REGISTER, [GROUPED, "grouped"])
        connection.execute(RECORD)
        create_paywall(connection)
    clock = scratch / "clock" if kind.fake_clock else None
    environment: dict[str, str] = {}
    if clock is not None:
        environment = fake_clock_environment(clock)
        clock.write_text("+0s\n")
    async with TcpProxy(database.server.port, stream(seed, "back")) as back:
        with tempfile.TemporaryDirectory(prefix="khala-faults-relay-") as directory:
            relay = RelayProcess(
                make_conninfo(database.relay_dsn, port=back.port),
                Path(directory),
                LIMITS,
                environment,
                [f"--workers={kind.workers}"],
            )
            await asyncio.to_thread(relay.start)
            try:
                await until(lambda: asyncio.to_thread(relay.is_ready), "the relay is ready")
                async with (
                    TcpProxy(relay.ws_port, stream(seed, "front")) as front,
                    legacy(database, Path(directory)) as published,
                ):
                    writing = Writing(database, list(TOPICS))
                    yield World(
                        database, relay, front, back, writing, published, rng, clock, scratch
                    )
            except BaseException as error:
                error.add_note(relay.last_words())
                raise
            finally:
                if relay.process.poll() is None:
                    await asyncio.to_thread(relay.kill)
