"""`khala ingest FILE`: runtime events from JSON lines into the database, in bulk."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from khala_pg import settings
from khala_pg.cli.options import Database, Organisation
from khala_pg.errors import UsageError
from khala_pg.runtime.ingest import Loaded, load


def command(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - is standard input.")],
    org: Organisation = None,
    database: Database = None,
) -> None:
    """Load runtime events, one JSON object a line.

    Fields: entity (run or codex_worker), id, seq, type; optional: payload, org_id, occurred_at.

    --org owns the events that have no org_id of their own.

    Every event is loaded exactly once, by entity, id and seq.

    Run it again after an error or a crash, over the same or a corrected file.
    """
    dsn = settings.resolve(settings.DATABASE, database)
    owner = settings.organisation(org, database)
    console = Console(stderr=True)
    with _open(file) as (source, size), _progress(console) as progress:
        task = progress.add_task("loading", total=size, events="")

        def report(loaded: Loaded) -> None:
            done = loaded.appended + loaded.duplicates
            progress.update(task, completed=loaded.bytes, events=f"{done:,} events")

        loaded = load(dsn, source, owner, report)
        if size is not None:
            progress.update(task, completed=size)
    typer.echo(f"{loaded.appended} events loaded, {loaded.duplicates} were there already")


@contextlib.contextmanager
def _open(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if file == "-":
        if sys.__stdin__ is None:
            raise UsageError("standard input is closed", "Redirect a file to it, or name the file.")
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    try:
        source = path.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    with source:
        # A pipe or device has no size to show progress against.
        yield source, path.stat().st_size if path.is_file() else None


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[events]}"),
        console=console,
        disable=not console.is_terminal,
    )
