"""`khala archive`: move ended runs out of the history."""

import time
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from khala_pg.cli.options import Database
from khala_pg.cli.text import counted
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

# A writer that holds a topic for longer than that is not waited for.
_PATIENCE_S = 60.0


def command(
    older_than: Annotated[
        str,
        typer.Option(
            metavar="INTERVAL",
            help="Archive runs whose last event is older, as PostgreSQL writes it: '90 days'.",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be archived.")
    ] = False,
    batch: Annotated[
        int, typer.Option(min=1, max=10_000, help="Runs to look at in one transaction.")
    ] = 100,
    database: Database = None,
) -> None:
    """Move ended runs and their events into the archive; their documents are deleted.

    Safe beside writers, and to stop at any moment: it goes on from the beginning, past what is
    archived. A run that its writer has locked is left for the next time.

    Examples:

        khala archive --older-than '90 days' --dry-run

        khala archive --older-than '90 days'
    """
    console = Console(stderr=True, highlight=False)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    archived = events = 0
    with connected(resolve(DATABASE, database), DBA) as connection, progress:
        before = admin.moment_before(connection, older_than)
        bar = progress.add_task("runs", total=admin.count_runs(connection))
        after_id: str | None = None
        patient_until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                page = admin.archive_runs(connection, before, after_id, batch, dry_run=dry_run)
            except psycopg.errors.LockNotAvailable:
                if time.monotonic() > patient_until:
                    raise
                continue
            patient_until = time.monotonic() + _PATIENCE_S
            archived += page.runs
            events += page.events
            after_id = page.last_id
            if after_id is None:
                break
            progress.update(bar, advance=batch)
    would = "would be " if dry_run else ""
    Console(highlight=False, soft_wrap=True).print(
        f"{counted(archived, 'run')} {would}archived, with {counted(events, 'event')}", markup=False
    )
