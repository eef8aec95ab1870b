"""Drill of the runtime's cutover: docs/sync/RUNTIME_CODEX_CUTOVER_RUNBOOK.md, with faults."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from drills.course import Course, GateNotMetError, Step
from drills.gates import pass_gates
from drills.machine import Machine, machine
from drills.prometheus import Prometheus, prometheus
from drills.report import write
from drills.runbook import Runbook, read
from drills.shell import CommandFailedError, Service, run
from drills.standin import Legacy, legacy
from drills.workers import Workers
from faults.report import percentile
from support.browser.browser import Browser, browser
from support.legacy.backend import Call, LegacyBackend
from support.trials.waiting import until

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs/sync/RUNTIME_CODEX_CUTOVER_RUNBOOK.md"
REPORT = ROOT / "docs/sync/status/2026-02-20-khala-runtime-codex-staging-drill.md"
ORG = "dev"
GATES = "Check the gates"
ROLL_BACK, FORWARD = "Roll back", "Go forward again"
STAGES = (
    "Stage 1: internal",
    "Stage 2: 5 to 10 %",
    "Stage 3: 25 to 50 %",
    "Stage 4: everybody",
)
HEADINGS = ("Prepare", "Compare", GATES, *STAGES, ROLL_BACK, FORWARD, "Finish")
_ADMIN_KEY = "drill|admin-key-of-the-stand-in"
_SUBJECTS = 2_000
# Of so many, in percent: four standard deviations at a share of one half.
_MOST_DEVIATION = 4.5
_PACE_S = 1.0
_PATIENCE_S = 120.0
_LANE = """
SELECT n FROM generate_series(1, %s) AS n
WHERE khala.flags_of('user-' || n) #>> '{flags,web}' = 'khala' ORDER BY n
"""
_HEADS = """
SELECT topic, doc_key, (payload ->> 'latest_seq')::bigint FROM runtime.sync_documents
WHERE topic IN ('runtime.run_summaries', 'runtime.codex_worker_summaries')
"""


@dataclass
class Options:
    """How a drill is run. window_s: of the gates; outage_s: how long the legacy backend is away.

    plants: whether a mismatch is planted, which has to stop the drill.
    """

    window_s: int
    outage_s: float
    patience_s: float
    plants: bool
    report: Path


@dataclass
class Drill:
    """What the steps share."""

    options: Options
    course: Course
    runbook: Runbook
    machine: Machine
    legacy: Legacy
    prometheus: Prometheus
    workers: Workers
    services: dict[str, Service] = field(default_factory=dict)
    page: Browser | None = None
    lane: list[int] = field(default_factory=list)

    async def follow(self, heading: str) -> None:
        """Runs the commands under a heading, in a step of its own."""
        async with self.course.step(heading) as step:
            for block in self.runbook.under(heading):
                if block.service is None:
                    await run(step, block.commands, self.machine.environment)
                    continue
                log = self.machine.home / f"{block.service}.log"
                service = Service(block.service, block.commands, self.machine.environment, log)
                self.services[block.service] = service
                step.commands.append(f"{block.commands} &")
                await service.start()

    async def gates(self, title: str) -> None:
        """Returns when every gate is met. Raises GateNotMetError."""
        async with self.course.step(f"Gates {title}") as step:
            self.check_services()
            window_s, patience_s = self.options.window_s, self.options.patience_s
            await asyncio.sleep(window_s)  # the time that the stage lasts
            await pass_gates(self.course, self.prometheus, self.runbook.gates, window_s, patience_s)
            [block] = self.runbook.under(GATES)
            deadline = time.monotonic() + patience_s
            while True:
                attempt = Step(step.title, 0)
                try:
                    await run(attempt, block.commands, self.machine.environment)
                except CommandFailedError as error:
                    if time.monotonic() > deadline:
                        raise GateNotMetError(str(error)) from error
                else:
                    break
                await asyncio.sleep(_PACE_S)  # the next comparison may meet them
            step.commands += attempt.commands
            step.outputs += attempt.outputs

    def check_services(self) -> None:
        """Raises AssertionError if a program has ended that was to keep running."""
        for service in self.services.values():
            assert service.is_running, f"{service.name} has ended: {service.last_words()}"

    async def picture(self, title: str, name: str) -> None:
        """Keeps the page as it looks now."""
        assert self.page is not None
        report = self.options.report
        file = report.parent / report.stem / f"{name}.png"
        await self.page.picture(file)
        self.course.steps[-1].pictures.append((title, file))

    async def is_on(self, lane: str) -> float:
        """Seconds until the page, which is open, is live on a lane."""
        assert self.page is not None
        began = time.monotonic()
        await self.page.wait(f'[data-lane="{lane}"]')
        for topic in ("runs", "workers"):
            await self.page.wait(f'[data-testid="topic-{topic}"][data-phase="live"]')
        return time.monotonic() - began

    async def caught_up(self) -> float:
        """Seconds until the page has everything that the workers wrote until now."""
        assert self.page is not None
        began = time.monotonic()
        for topic in ("runs", "workers"):
            await self.page.wait(f'[data-testid="topic-{topic}"][data-phase="live"]', _PATIENCE_S)
        return time.monotonic() - began

    def share(self, percent: float) -> None:
        """Counts for whom the flag is, of many subjects; a larger share holds a smaller one."""
        with psycopg.connect(self.machine.database, autocommit=True) as connection:
            found = [n for (n,) in connection.execute(_LANE, [_SUBJECTS]).fetchall()]
        assert set(self.lane) <= set(found), "somebody left Khala as its share grew"
        share = 100 * len(found) / _SUBJECTS
        assert abs(share - percent) < _MOST_DEVIATION, f"{share} % where {percent} % were set"
        self.lane = found
        self.course.note(
            f"{len(found)} of {_SUBJECTS:,} subjects ({share:.1f} %) are"
            " on Khala; nobody who was is not"
        )


async def drill(options: Options) -> int:
    """The whole drill; 0, or 1 if it was stopped. Its report is written in any case."""
    course = Course("Staging drill: the runtime moves to Khala")
    outcome = "The drill was stopped."
    try:
        async with _stage(options, course) as made:
            await _course(made)
        outcome = "Every gate was met, and the drill went through to its end."
        return 0
    except GateNotMetError as error:
        outcome = f"The drill was stopped: a gate was not met: {error}"
        print(outcome)
        return 1
    finally:
        write(course, options.report, outcome)
        print(f"written: {options.report}")


@asynccontextmanager
async def _stage(options: Options, course: Course) -> AsyncIterator[Drill]:
    """Everything that runs for as long as the drill does."""
    backend = LegacyBackend(admin_key=_ADMIN_KEY)
    async with AsyncExitStack() as stack:
        standin = await stack.enter_async_context(legacy(backend))
        variables = {
            "LEGACY_URL": standin.url,
            "KHALA_PUBLISH_ADMIN_KEY": _ADMIN_KEY,
            "GATE_WINDOW": f"{options.window_s} seconds",
        }
        async with course.step("Database, relay, legacy backend and Prometheus start"):
            place = stack.enter_context(machine(**variables))
            place.environment["CANARY_LOG"] = str(place.home / "canary.jsonl")
            watch = await stack.enter_async_context(
                prometheus([place.metrics], place.home, place.environment)
            )
        workers = Workers(place.database, ORG, seed=2026)
        made = Drill(options, course, read(RUNBOOK), place, standin, watch, workers)
        course.facts |= _facts(made)
        writing = asyncio.create_task(workers.run())
        try:
            yield made
        finally:
            workers.stop()
            await writing
            for service in made.services.values():
                await service.stop()


def _facts(made: Drill) -> dict[str, str]:
    with psycopg.connect(made.machine.database) as connection:
        version = connection.info.parameter_status("server_version")
    return {
        "database": f"PostgreSQL {version}, one relay, one page, all on one machine",
        "writers": f"{made.workers.number} runs and workers, an event each 0.5 s on average",
        "window of the gates": f"{made.options.window_s} s, where operators take an hour",
        "legacy backend": "the stand-in that both official clients speak to",
        "legacy lane of the page": "snapshots of the relay, polled as the page did before Khala",
        "pace": "each stage lasts for one window, where operators stay for a day",
    }


async def _course(made: Drill) -> None:
    course, options = made.course, made.options
    await made.follow("Prepare")
    await until(lambda: _publisher_is_level(made), "the publisher catches up", _PATIENCE_S)
    await made.follow("Compare")
    if options.plants:
        _plant_mismatch(made.legacy.backend)
    await made.gates("before stage 1")
    async with AsyncExitStack() as stack:
        async with course.step("The page opens, on the legacy lane"):
            made.page = await stack.enter_async_context(browser(made.machine.environment))
            await made.page.act("open", url=made.machine.dev.ready["page"] + "#/runs")
            await made.is_on("legacy")
            await made.picture("The page on the legacy lane, before stage 1", "1-legacy")
        await made.follow(STAGES[0])
        course.note(f"the open page was live on Khala after {await made.is_on('khala'):.1f} s")
        await made.picture("The same page on Khala, without a reload", "2-internal")
        await _relay_killed(made)
        await made.gates("after stage 1")
        await made.follow(STAGES[1])
        made.share(10)
        await _legacy_down(made)
        await made.gates("after stage 2")
        await made.follow(STAGES[2])
        made.share(50)
        await _database_restarted(made)
        await made.gates("after stage 3")
        await _roll_back(made)
        await made.gates("after going forward")
        await made.follow(STAGES[3])
        made.share(100)
        assert len(made.lane) == _SUBJECTS
        await made.gates("after stage 4")
        await _finish(made)


async def _relay_killed(made: Drill) -> None:
    async with made.course.step("Fault: the relay is killed"):
        began = time.monotonic()
        await made.machine.kill_relay()
        served = time.monotonic() - began
        await made.caught_up()
        total = time.monotonic() - began
        made.course.note(
            f"another relay served {served:.1f} s later, the page was live {total:.1f} s after"
        )


async def _legacy_down(made: Drill) -> None:
    course, workers = made.course, made.workers
    async with course.step("Fault: the legacy backend is away"):
        before = len(workers.waits)
        await made.legacy.down()
        await made.caught_up()
        await asyncio.sleep(made.options.outage_s)  # the length of the outage
        await made.picture("The page while the legacy backend is away", "3-legacy-down")
        waits = workers.waits[before:]
        course.note(
            f"away for {made.options.outage_s:.0f} s: writers made {len(waits)} writes meanwhile,"
            f" p99 {percentile(waits, 0.99) * 1000:.0f} ms; the page stayed live"
        )
        began = time.monotonic()
        await made.legacy.up()
        await until(lambda: _publisher_is_level(made), "the publisher catches up", _PATIENCE_S)
        course.note(f"the publisher had caught up {time.monotonic() - began:.1f} s after its end")


def _publisher_is_level(made: Drill) -> bool:
    """Whether the legacy backend has all that was answered until now."""
    made.check_services()
    wanted = dict(made.workers.acknowledged)
    return all(_held(made.legacy.backend, *key) >= seq for key, seq in wanted.items())


def _held(backend: LegacyBackend, entity: str, name: str) -> int:
    table = backend.tables["run_summaries" if entity == "run" else "codex_worker_summaries"]
    prefix = "run_summary" if entity == "run" else "codex_worker_summary"
    found = table.get(f"runtime/{prefix}:{name}")
    return 0 if found is None else int(found["latest_seq"])


async def _database_restarted(made: Drill) -> None:
    async with made.course.step("Fault: the database crashes and is started again"):
        repeats, began = made.workers.repeats, time.monotonic()
        await made.machine.kill_database()
        served = time.monotonic() - began
        before = len(made.workers.waits)
        await until(lambda: len(made.workers.waits) > before, "a worker writes", _PATIENCE_S)
        await made.caught_up()
        total = time.monotonic() - began
        made.course.note(
            f"the relay served {served:.1f} s later, the page was live after {total:.1f} s;"
            f" {made.workers.repeats - repeats} writes were repeated, and none is lost"
        )


async def _roll_back(made: Drill) -> None:
    course, publisher = made.course, made.services["publisher"]
    await made.follow(ROLL_BACK)
    course.note(f"the open page was on the legacy lane after {await made.is_on('legacy'):.1f} s")
    await made.picture("The page after the rollback", "4-rolled-back")
    await publisher.stop()
    await asyncio.sleep(_PACE_S * 5)  # the workers write on meanwhile
    course.note("the publisher was stopped, and the workers wrote on")
    await made.follow(FORWARD)
    await publisher.start()
    course.note(f"the open page was live on Khala after {await made.is_on('khala'):.1f} s")
    await until(lambda: _publisher_is_level(made), "the publisher catches up", _PATIENCE_S)
    course.note("the publisher was started, and went on from its place")


async def _finish(made: Drill) -> None:
    """At the end both sides hold exactly what was answered to the workers."""
    course, workers = made.course, made.workers
    workers.stop()
    await until(lambda: _publisher_is_level(made), "the publisher catches up", _PATIENCE_S)
    await made.follow("Finish")
    with psycopg.connect(made.machine.database, autocommit=True) as connection:
        rows: Sequence[tuple[Any, ...]] = connection.execute(_HEADS).fetchall()
    stored = {
        ("run" if topic == "runtime.run_summaries" else "codex_worker", key.partition(":")[2]): seq
        for topic, key, seq in rows
    }
    assert stored == workers.acknowledged, "read models and what was answered differ"
    assert not made.legacy.backend.gone_back(), "a document went back on the legacy side"
    course.note(
        f"{sum(stored.values()):,} events of {len(stored)} runs and workers were answered; each is"
        " in its summary on both sides, and no version went back"
    )
    assert made.page is not None
    await made.picture("The page at the end, everybody on Khala", "5-everybody")
    for service in made.services.values():
        await service.stop()
    waits = workers.waits
    course.facts["writes"] = (
        f"{len(waits):,}, p50 {percentile(waits, 0.5) * 1000:.0f} ms,"
        f" p99 {percentile(waits, 0.99) * 1000:.0f} ms, longest {max(waits):.1f} s;"
        f" {workers.repeats} repeated"
    )


def _plant_mismatch(backend: LegacyBackend) -> None:
    """From now on the legacy backend shows one run with another title."""
    honest = backend.functions["query", "runtime:getRunSummary"]

    def tampered(call: Call) -> Any:
        found = honest(call)
        if found is None:
            return None
        return {**found, "summary": {**found["summary"], "title": "planted"}}

    backend.functions["query", "runtime:getRunSummary"] = tampered
