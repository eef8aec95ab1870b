"""`make faults`: many seeded runs, one after the other."""

import asyncio
import secrets
import time
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from faults import network
from faults.kinds import BY_NAME
from faults.report import COLUMNS, Failure, Report
from faults.runner import kind_of, run, version_of
from faults.stage import NotPossibleError, Stage

_RESULTS = Path(__file__).resolve().parents[2] / ".cache" / "faults"


def main(
    runs: Annotated[
        int, typer.Option(min=0, help="How many runs, with seeds that follow each other.")
    ],
    seed: Annotated[
        int | None, typer.Option(help="The first run's seed; a random one if not given.")
    ] = None,
    fault: Annotated[
        str | None,
        typer.Option(help=f"Only this fault, not the seed's: {', '.join(BY_NAME)}."),
    ] = None,
    most_s: Annotated[
        float, typer.Option(help="Begin no run when so many seconds have passed.")
    ] = float("inf"),
    merge: Annotated[
        list[Path] | None,
        typer.Option(help="Add the runs of this JSON file to the table; may be repeated."),
    ] = None,
) -> None:
    """Run faults against a relay and its database and check what subscribers were given.

    Prints a table per fault and writes .cache/faults/SEED.json. Exit status 1 if an invariant did
    not hold. A run is repeated by its seed: --runs 1 --seed SEED.

    Example: python -m faults --runs 42 --seed 7
    """
    if fault is not None and fault not in BY_NAME:
        raise typer.BadParameter(f"no fault {fault}; there are {', '.join(BY_NAME)}")
    first = secrets.randbits(31) if seed is None else seed
    report = Report()
    if runs > 0:
        network.isolate()
        asyncio.run(_run_all(report, range(first, first + runs), fault, time.monotonic() + most_s))
        report.save(_RESULTS / f"{first}.json")
        print(f"written: .cache/faults/{first}.json")
    for file in merge or []:
        report.add(file)
    _show(report)
    if merge:
        print(report.markdown())
    raise typer.Exit(1 if report.failures else 0)


async def _run_all(report: Report, seeds: range, fault: str | None, deadline: float) -> None:
    with Stage() as stage:
        for seed in seeds:
            if time.monotonic() > deadline:
                print(f"the time is over; seed {seed} would be next")
                return
            kind = kind_of(seed) if fault is None else BY_NAME[fault]
            try:
                outcome = await run(stage, seed, kind)
            except NotPossibleError as missing:
                report.skipped[kind.name] = str(missing)
                print(f"SKIPPED {kind.name} (seed {seed}): {missing}")
            except Exception:
                error = traceback.format_exc()
                report.failures.append(Failure(seed, kind.name, version_of(seed), error))
                print(f"FAILED {kind.name}, seed {seed}\n{error}")
            else:
                report.outcomes.append(outcome)
                print(
                    f"{kind.name} (seed {seed}, PostgreSQL {outcome.postgres}): delivered"
                    f" {outcome.delivered_s:.2f} s after the fault; {outcome.run_s:.1f} s in all",
                    flush=True,
                )


def _show(report: Report) -> None:
    table = Table(title="Faults", title_justify="left")
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in report.rows():
        table.add_row(*row)
    Console(width=190).print(table)
    for name, reason in report.skipped.items():
        print(f"skipped: {name}: {reason}")
    for failure in report.failures:
        again = f"--runs 1 --seed {failure.seed} --fault {failure.fault}"
        print(f"failed: {failure.fault}, repeat it with {again}")


if __name__ == "__main__":
    typer.run(main)
