"""`khala ingest FILE...`: runtime events from JSON lines into the database, in bulk."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from khala_pg import settings
from khala_pg.cli.input import opened
from khala_pg.cli.options import Database, Organisation
from khala_pg.cli.text import counted, number
from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import KhalaError, UnavailableError, UsageError
from khala_pg.runtime.growing_file import GrowingFile
from khala_pg.runtime.ingest import LineError, Loaded, load


def command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|-...", help="JSON lines; - is standard input.")
    ],
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Go on with what is appended to the file, and with the one that takes its place "
            "when it is rotated, until Ctrl-C; wait for a database that is away.",
        ),
    ] = False,
    org: Organisation = None,
    database: Database = None,
) -> None:
    """Load runtime events, one JSON object a line.

    Fields: entity (run or codex_worker), id, seq, type; optional: payload, org_id, occurred_at.

    --org owns the events that have no org_id of their own.

    Every event is loaded exactly once, by entity, id and seq. Files are loaded in their order.

    Run it again after an error or a crash, over the same or corrected files.

    A line that is no event ends it. With --follow it is reported and skipped; a line that the
    database refuses, such as one behind a gap in an entity's seq, ends it all the same.

    Examples:

        khala ingest yesterday.jsonl today.jsonl --org acme

        khala ingest --follow /var/log/runs.jsonl --org acme
    """
    dsn = settings.resolve(settings.DATABASE, database)
    owner = settings.organisation(org, database)
    console = Console(stderr=True, highlight=False)
    if follow:
        _follow(dsn, files, owner, console)
        return
    if files.count("-") > 1:
        raise UsageError("standard input is named twice", "It can be read once: pass one -.")
    appended = duplicates = 0
    for file in files:
        with opened(file) as (source, size), _progress(console) as progress:
            task = progress.add_task(file if len(files) > 1 else "loading", total=size, events="")

            def report(loaded: Loaded, progress: Progress = progress, task: TaskID = task) -> None:
                done = loaded.appended + loaded.duplicates
                progress.update(task, completed=loaded.bytes, events=counted(done, "event"))

            with _named(file, files):
                loaded = load(dsn, source, owner, report)
            if size is not None:
                progress.update(task, completed=size)
        appended += loaded.appended
        duplicates += loaded.duplicates
    _say_loaded(appended, duplicates)


def _follow(dsn: str, files: Sequence[str], owner: str | None, console: Console) -> None:
    if len(files) > 1 or files == ["-"]:
        raise UsageError(
            "--follow follows one file", "Run one command for each; a pipe needs no --follow."
        )
    path = Path(files[0])
    if path.exists() and not path.is_file():
        raise UsageError(
            f"--follow follows a file, and {path} is none", "A pipe is read to its end without it."
        )
    try:
        source = GrowingFile(path)
    except OSError as error:
        raise UsageError(f"{files[0]} cannot be read: {error.strerror}") from error
    backoff = Backoff(0.25, 5.0)
    total = Loaded()
    skipped = 0

    def report(loaded: Loaded) -> None:
        nonlocal total
        total = loaded
        backoff.reset()

    def wait(error: UnavailableError) -> None:
        console.print(f"khala: {error}; trying again", markup=False)
        time.sleep(backoff.next_s())

    def skip(error: LineError) -> None:
        nonlocal skipped
        skipped += 1
        console.print(f"khala: skipped {error}", markup=False)

    with source:
        try:
            load(dsn, cast("BinaryIO", source), owner, report, wait, skip)
        except KeyboardInterrupt:
            _say_loaded(total.appended, total.duplicates)
            if skipped:
                typer.echo(f"{counted(skipped, 'line')} skipped")


def _say_loaded(appended: int, duplicates: int) -> None:
    there = "was there already" if duplicates == 1 else "were there already"
    typer.echo(f"{counted(appended, 'event')} loaded, {number(duplicates)} {there}")


@contextlib.contextmanager
def _named(file: str, files: Sequence[str]) -> Iterator[None]:
    """Says in which of several files a line is."""
    try:
        yield
    except LineError as error:
        if len(files) == 1:
            raise
        raise KhalaError(f"{file}, {error}", error.hint) from error


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
