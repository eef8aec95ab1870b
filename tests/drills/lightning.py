"""Drill of the Lightning cutover: both lanes write, switch, rollback, faults, decommission."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from drills.course import Course, GateNotMetError, Reading, Step, not_met
from drills.feeding import Batches, Feeder
from drills.lane_parity import APPLIED, DEPLOYMENTS, ENTITIES, compare
from drills.lanes import API, OWNER, SUITES, Lane, Lanes, lanes, without_legacy
from drills.machine import Machine, machine
from drills.report import write
from drills.shell import Service, run, running
from faults.paying import check_payments
from support.gateway.gateway import Fault
from support.operators import PREFIX
from support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs/sync/status/2026-02-20-khala-lightning-cutover-drill.md"
_PATIENCE_S = 300.0
_PACE_S = 1.0
_KEY = "khala key create smoke --org dev --topic lightning.paywalls"
_TIMEOUTS = "SELECT lightning.change_paywall(%s, %s, %s, %s)"


@dataclass(frozen=True)
class Options:
    """How a drill is run. bake_s: how long both lanes write before the switch; load_s: how long the
    load with faults takes; rest_s: between faults, and how long each lasts.

    plants: whether a mismatch is planted, which has to stop the drill.
    """

    bake_s: float
    load_s: float
    rest_s: float
    plants: bool
    report: Path


@dataclass
class Drill:
    """What the steps share. quiet: held by what needs a gateway that nobody else changes."""

    options: Options
    course: Course
    machine: Machine
    lanes: Lanes
    batches: Batches
    feeders: Sequence[Feeder]
    live: Path
    quiet: asyncio.Lock = field(default_factory=asyncio.Lock)
    reconciled: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    suites: int = 0
    is_over: bool = False

    async def change_and_reconcile(self) -> None:
        """The owner changes a route in both lanes, and operators reconcile until both sell it."""
        async with self.quiet:
            self.changes += 1
            # A limit that no other change has had: another configuration.
            await self._change(5_000 + self.changes)
            for lane in self.lanes.both:
                await self._reconcile(lane)

    async def _change(self, timeout_ms: int) -> None:
        for lane in self.lanes.both:
            while True:
                try:
                    await asyncio.to_thread(self._patch, lane, timeout_ms)
                    break
                except psycopg.OperationalError:
                    await asyncio.sleep(_PACE_S)  # back-off while the database is away

    def _patch(self, lane: Lane, timeout_ms: int) -> None:
        """The key makes it one effect, however often it is repeated."""
        [(found,)] = lane.query("SELECT lightning.get_paywall(%s, 'pw_weather')", OWNER)
        [route] = found["paywall"]["routes"]
        kept = {
            name: value
            for name, value in route.items()
            if name not in {"paywallId", "ownerId", "createdAtMs", "updatedAtMs"}
        }
        body = json.dumps({"routes": [{**kept, "timeoutMs": timeout_ms}]})
        lane.query(_TIMEOUTS, OWNER, "pw_weather", body, f"limit-{timeout_ms}")

    async def _reconcile(self, lane: Lane) -> None:
        """Until the lane's gateway sells what its control plane says."""
        while True:
            result = await lane.run("reconcile")
            status = "applied" if result["ok"] else _ended(result["error"])
            self.reconciled[f"{lane.mode}: {status}"] += 1
            if result["ok"]:
                return
            await asyncio.sleep(_PACE_S)  # back-off while the gateway fails

    async def operate(self) -> None:
        """Changes and reconciles until the end."""
        while not self.is_over:
            await self.change_and_reconcile()
            await asyncio.sleep(_PACE_S * 5)  # the pace of owners

    async def smoke(self, step: Step, mode: str) -> None:
        """Every suite in the lane that is in force, and in the other, which has to keep up."""
        async with self.quiet:
            await asyncio.gather(*(self._suites(step, lane, mode) for lane in self.lanes.both))
        self.course.note(f"all {len(SUITES)} suites pass in {mode}, and in the other lane")

    async def _suites(self, step: Step, lane: Lane, mode: str) -> None:
        for suite in SUITES:
            began = time.monotonic()
            result = await lane.run("smoke", suite)
            assert result["ok"], (lane.mode, suite, result)
            assert result["mode"] == lane.mode
            self.suites += 1
            if lane.mode == mode:
                step.commands.append(f"khala lightning smoke {suite} --json")
                seconds = time.monotonic() - began
                step.notes.append(f"`smoke {suite}` in `{mode}`: passed, {seconds:.1f} s")

    async def level(self) -> float:
        """Seconds until both lanes have every batch that is made by now."""
        began, made = time.monotonic(), self.batches.made
        await until(
            lambda: all(feeder.fed >= made for feeder in self.feeders),
            f"both lanes have {made} batches",
            _PATIENCE_S,
        )
        return time.monotonic() - began

    async def parity(self, title: str, entities: dict[str, str]) -> None:
        """Raises GateNotMetError for any entity that is not the same on both sides.

        Nobody writes meanwhile: the lanes get the same, but not at the same moment.
        """
        async with self.course.step(title) as step, self.quiet:
            self.batches.hold.clear()
            await self.level()
            compared = await asyncio.to_thread(compare, self.lanes, entities)
            self.batches.hold.set()
            for each in compared:
                reading = Reading(
                    f"{each.entity}: {each.api:,} in api, {each.convex:,} in convex; differing",
                    len(each.differing),
                    "= 0",
                    not each.differing,
                )
                step.gates.append(reading)
            missed = [each for each in compared if each.differing]
            if missed:
                said = "; ".join(f"{each.entity}: {each.differing[:3]}" for each in missed)
                raise GateNotMetError(f"the lanes differ: {said}")
            self.course.note(f"{len(compared)} kinds of entities are the same in both lanes")


def _ended(error: dict[str, Any]) -> str:
    """How a deployment ended, or why there was none."""
    return str(error.get("deploymentStatus", error["code"]))


async def drill(options: Options) -> int:
    """The whole drill; 0, or 1 if it was stopped. Its report is written in any case."""
    course = Course("Drill: the Lightning control plane moves to Postgres")
    outcome = "The drill was stopped."
    try:
        async with _stage(options, course) as made:
            await _course(made)
        outcome = "Every gate was met, and the drill went through to its end."
        return 0
    except BaseExceptionGroup as group:
        error = not_met(group)
        if error is None:
            raise
        outcome = f"The drill was stopped: a gate was not met: {error}"
        print(outcome)
        return 1
    finally:
        write(course, options.report, outcome)
        print(f"written: {options.report}")


@asynccontextmanager
async def _stage(options: Options, course: Course) -> AsyncIterator[Drill]:
    """Everything that runs for as long as the drill does."""
    async with AsyncExitStack() as stack:
        async with course.step("Both control planes start, each with a gateway") as step:
            place = stack.enter_context(machine())
            shown = await run(step, _KEY, place.environment)
            # A key is not for reports.
            step.outputs.clear()
            key = re.search(r"\bkhala_\S+", shown)
            assert key is not None, "no key is shown"
            both = await stack.enter_async_context(lanes(place, key[0]))
            live = place.home / "live.jsonl"
            command = f"khala tail lightning.settlements --json --state {place.home}/tail > {live}"
            step.commands.append("khala tail lightning.settlements --json --state FILE &")
            tail = Service("tail", command, place.environment, place.home / "tail.log")
            await stack.enter_async_context(running(tail))
            step.notes.append(
                "`api`: `khala dev`, a database with its relay; `convex`: the stand-in of the"
                " legacy backend, with a database server of its own"
            )
        folder = place.home / "batches"
        folder.mkdir()
        batches = Batches(folder, seed=2027, pace_s=2.0)
        feeders = batches.feeders = [Feeder(lane, batches) for lane in both.both]
        made = Drill(options, course, place, both, batches, feeders, live)
        # Makes the smoke paywalls, with the owner's key.
        result = await both.api.run("smoke", "compile")
        assert result["ok"], result
        await both.convex.run("smoke", "compile")
        yield made


async def _course(made: Drill) -> None:
    course, options = made.course, made.options
    async with asyncio.TaskGroup() as tasks:
        runs = [made.batches.run, *(feeder.run for feeder in made.feeders)]
        writing = [tasks.create_task(work()) for work in runs]
        operating = tasks.create_task(made.operate())
        async with course.step("Both lanes write, `convex` is in force"):
            await asyncio.sleep(options.bake_s)  # the time of the bake-in
            course.note(
                f"{made.batches.made} batches of payments, {made.changes} changes of routes"
            )
        if options.plants:
            made.lanes.convex.query(
                "UPDATE lightning.paywalls SET name = 'planted' RETURNING paywall_id"
            )
        everything = {**ENTITIES, **DEPLOYMENTS}
        await made.parity("Parity of every entity, before the switch", everything)
        for mode, title in (
            (API, "Switch to `api`"),
            ("convex", "Rollback to `convex`"),
            (API, "Forward to `api`"),
        ):
            await _switch(made, mode, title)
        await made.parity("Parity of every entity, after the rollback", everything)
        await _mixed_load(made)
        made.is_over = True
        await operating
        await made.parity("Parity of every entity, after the load", {**ENTITIES, **APPLIED})
        await made.batches.stop()
        await asyncio.gather(*writing)
    await _second_run(made)
    await _decommission(made)
    await _figures(made)


async def _switch(made: Drill, mode: str, title: str) -> None:
    async with made.course.step(title) as step:
        step.commands.append(f"export {PREFIX}CONTROL_PLANE_MODE={mode}")
        await made.smoke(step, mode)


async def _mixed_load(made: Drill) -> None:
    """Payments, changes, deployments and suites, with one fault after another."""
    options, end = made.options, time.monotonic() + made.options.load_s
    faults = (_legacy_down, _gateways_fail, _database_crashes, _relay_killed)
    async with made.course.step(f"Mixed load with faults, {options.load_s:.0f} s") as step:
        step.notes.append("`api` is in force; both lanes write")
    turn = 0
    while time.monotonic() < end:
        await faults[turn % len(faults)](made)
        turn += 1
        async with made.course.step("Rest, and all suites") as step:
            await asyncio.sleep(min(options.rest_s, max(0.0, end - time.monotonic())))
            made.course.note(f"both lanes were level {await made.level():.1f} s later")
            await made.smoke(step, API)
            step.commands.clear()


async def _legacy_down(made: Drill) -> None:
    async with made.course.step("Fault: the legacy backend is away"):
        made.faults["legacy backend away"] += 1
        api = made.feeders[0]
        before = api.fed
        await made.lanes.legacy.down()
        await asyncio.sleep(made.options.rest_s)  # the length of the fault
        taken = api.fed - before
        await made.lanes.legacy.up()
        made.course.note(
            f"`api` took {taken} batches meanwhile; `convex` was level"
            f" {await made.level():.1f} s after its end"
        )


async def _gateways_fail(made: Drill) -> None:
    """Health checks fail after a deployment: it has to be rolled back, and nothing else."""
    async with made.course.step("Fault: the gateways fail"):
        made.faults["gateways failing"] += 1
        before = made.reconciled.copy()
        fault = Fault("health", "unavailable")
        for lane in made.lanes.both:
            lane.gateway.faults.append(fault)
        await asyncio.sleep(made.options.rest_s)  # the length of the fault
        for lane in made.lanes.both:
            lane.gateway.faults.remove(fault)
        async with made.quiet:
            pass
        new = made.reconciled - before
        said = ", ".join(f"{number} {what}" for what, number in sorted(new.items()))
        made.course.note(f"reconciliations until both sold again: {said}")


async def _database_crashes(made: Drill) -> None:
    async with made.course.step("Fault: the database of `api` crashes"):
        made.faults["database crashed"] += 1
        began = time.monotonic()
        await made.machine.kill_database()
        served = time.monotonic() - began
        level_s = await made.level()
        made.course.note(
            f"served {served:.1f} s later; both lanes were level {level_s:.1f} s after"
        )


async def _relay_killed(made: Drill) -> None:
    async with made.course.step("Fault: the relay, which serves the API, is killed"):
        made.faults["relay killed"] += 1
        began = time.monotonic()
        await made.machine.kill_relay()
        served = time.monotonic() - began
        level_s = await made.level()
        made.course.note(
            f"served {served:.1f} s later; both lanes were level {level_s:.1f} s after"
        )


async def _second_run(made: Drill) -> None:
    """Every batch again: nothing changes."""
    async with made.course.step("A second run of every batch, in `api`") as step:
        api = made.lanes.api
        before = await asyncio.to_thread(_stored, api)
        result = await api.run("settlements", "ingest", str(made.batches.all()))
        counts = result if result["ok"] else result["error"]
        assert counts.get("refusedCount", 0) == sum(made.batches.refused.values()), counts
        assert counts["invoicesChanged"] == 0, counts
        settlements = counts["settlements"]
        assert counts["settlementsExisted"] == settlements, counts
        assert await asyncio.to_thread(_stored, api) == before, "a second run changed something"
        step.commands.append("khala lightning settlements ingest ALL --json")
        made.course.note(f"{settlements:,} settlements were known; tables and journal are the same")


def _stored(lane: Lane) -> list[tuple[Any, ...]]:
    tables = ("lightning.invoices", "lightning.settlements", "runtime.sync_documents")
    return [
        row
        for table in tables
        for row in lane.query(
            f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t)) FROM {table} AS t"
        )
    ]


async def _decommission(made: Drill) -> None:
    """The legacy backend is gone for good, and nobody names it any more."""
    async with made.course.step("Decommission") as step:
        await made.lanes.legacy.down()
        api = made.lanes.api
        names = sorted(api.environment.keys() - without_legacy(api.environment).keys())
        step.commands.append(f"unset {' '.join(names)}")
        api.environment = without_legacy(api.environment)
        for suite in SUITES:
            result = await api.run("smoke", suite)
            assert result["ok"], (suite, result)
            assert result["mode"] == API
            step.commands.append(f"khala lightning smoke {suite} --json")
        made.course.note(
            f"all {len(SUITES)} suites pass without the legacy backend and its address"
        )


async def _figures(made: Drill) -> None:
    """What was answered is there once, settled, delivered; nothing is half done."""
    course, lane = made.course, made.lanes.api
    async with course.step("Every payment is there once, settled and delivered"):
        with psycopg.connect(lane.dsn, autocommit=True) as connection:
            check_payments(connection)
        stored = {name for (name,) in lane.query("SELECT settlement_id FROM lightning.settlements")}
        paid = {name for name in stored if re.fullmatch(r"set_\d+-\d+", name)}
        assert paid == made.batches.payments, "payments and what was fed differ"
        keys = {f"settlement/{name}" for name in stored}
        await until(lambda: keys <= _seen(made.live), "khala tail has shown all", _PATIENCE_S)
        course.note(
            f"{len(paid):,} payments of {made.batches.made} batches, {len(stored) - len(paid)} of"
            " the suites: each settlement is in its table once, its invoice is settled, both"
            " documents say so, and `khala tail` has shown it live"
        )
    course.facts |= {
        "load": f"{made.batches.made} batches, {len(made.batches.payments):,} payments to settle,"
        f" {sum(made.batches.refused.values()):,} with a wrong proof, each of them refused",
        "changes by owners": f"{made.changes}, each deployed to both gateways",
        "reconciliations": ", ".join(f"{n} {what}" for what, n in sorted(made.reconciled.items())),
        "runs of smoke suites": f"{made.suites + len(SUITES)}, all passed",
        "faults": ", ".join(f"{n} x {what}" for what, n in made.faults.items()),
        "runs that were cut short and repeated": ", ".join(
            f"{feeder.repeats} in {feeder.lane.mode} ({feeder.errors})" for feeder in made.feeders
        ),
        "sold by the gateways": ", ".join(
            f"{each.gateway.sold} in {each.mode}" for each in made.lanes.both
        ),
        "load with faults": f"{made.options.load_s:.0f} s",
    }


def _seen(file: Path) -> set[str]:
    return {json.loads(line)["doc_key"] for line in file.read_text("utf-8").splitlines() if line}
