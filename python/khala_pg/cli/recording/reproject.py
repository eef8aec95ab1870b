"""`khala reproject`: summaries dropped and built again from history."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from khala_pg import settings
from khala_pg.cli.options import Database
from khala_pg.cli.text import counted
from khala_pg.errors import UsageError
from khala_pg.runtime.reproject import reproject_all, reproject_one


def command(
    run: Annotated[str | None, typer.Option(help="Rebuild the summary of this run.")] = None,
    worker: Annotated[
        str | None, typer.Option(help="Rebuild the summary of this codex worker.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Rebuild all summaries.")] = False,
    database: Database = None,
) -> None:
    """Drop and rebuild summaries from the runtime's history.

    Safe beside live writers; clients get the rebuilt documents as updates.
    """
    if [run is not None, worker is not None, every].count(True) != 1:
        raise UsageError(
            "it is not clear what to rebuild", "Pass one of --run, --worker and --all."
        )
    dsn = settings.resolve(settings.DATABASE, database)
    if run is not None:
        asyncio.run(reproject_one(dsn, "run", run))
        rebuilt = 1
    elif worker is not None:
        asyncio.run(reproject_one(dsn, "codex_worker", worker))
        rebuilt = 1
    else:
        console = Console(stderr=True)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress:
            task = progress.add_task("rebuilding", total=None)
            rebuilt = asyncio.run(
                reproject_all(
                    dsn,
                    lambda total: progress.update(task, total=total),
                    lambda done: progress.advance(task, done),
                )
            )
    typer.echo(f"{counted(rebuilt, 'summary', 'summaries')} rebuilt")
