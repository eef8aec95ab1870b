"""`make drill`."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from drills import codex

app = typer.Typer(add_completion=False)


@app.callback()
def choose() -> None:
    """Execute a cutover on one machine, and write its report."""


@app.command("codex")
def codex_command(
    window_s: Annotated[
        int, typer.Option(help="Seconds that gates look at, in the place of an hour.")
    ] = 20,
    outage_s: Annotated[float, typer.Option(help="How long the legacy backend is away.")] = 15,
    patience_s: Annotated[
        float, typer.Option(help="A gate that is not met for so long stops the drill.")
    ] = 90,
    plant_mismatch: Annotated[
        bool, typer.Option(help="Plant a mismatch: the drill has to stop.")
    ] = False,
    report: Annotated[Path, typer.Option(help="File of the report.")] = codex.REPORT,
) -> None:
    """The runtime's cutover, stage by stage. Exit status 1 when a gate is not met."""
    options = codex.Options(window_s, outage_s, patience_s, plant_mismatch, report)
    raise typer.Exit(asyncio.run(_run(codex.drill(options))))


async def _run(drill: Coroutine[None, None, int]) -> int:
    """Runs a drill; SIGTERM ends it as Ctrl-C does, with its report and without what it started."""
    task = asyncio.ensure_future(drill)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


if __name__ == "__main__":
    app()
