"""`khala run -- CMD …`: a command recorded as a run."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from khala_pg import settings
from khala_pg.cli.options import Database, Organisation
from khala_pg.cli.text import say
from khala_pg.errors import UsageError
from khala_pg.runtime import spool
from khala_pg.runtime.outbox import Pace
from khala_pg.runtime.run import RunOptions, new_run_id, run_command

app = typer.Typer(add_completion=False)


NOT_STARTED = 125
"""The exit status when it is not the command's: as env, nohup and timeout have it."""


class _RunCommand(TyperCommand):
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().make_context(*args, **kwargs)
        except typer.Exit:
            raise
        except Exception as error:
            if hasattr(error, "exit_code"):  # options that cannot be understood
                error.exit_code = NOT_STARTED
            raise


# Options end at the first word of the command, so that `khala run make -j4` works without `--`.
@app.command(cls=_RunCommand, context_settings={"allow_interspersed_args": False})
def command(
    words: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]…", help="What to run.")],
    run_id: Annotated[
        str | None, typer.Option("--id", help="Id of the run; by default a new one.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What it is called; by default the command.")
    ] = None,
    org: Organisation = None,
    database: Database = None,
    heartbeat: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds without an event after which a heartbeat is recorded."),
    ] = 10.0,
    flush: Annotated[
        float,
        typer.Option(
            min=0.0, help="Seconds to wait at the end for a database that does not respond."
        ),
    ] = 3.0,
    spool_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="KHALA_SPOOL_DIR",
            help="Where events go that it did not take; by default ~/.local/state/khala/spool.",
        ),
    ] = None,
) -> None:
    """Run a command and record it as a run: started, output progress, heartbeats, how it ended.

    Its input, output and exit status are its own.

    A run that a signal such as Ctrl-C ended is cancelled; one whose heartbeats stop is lost.

    A database that is away neither stops nor slows it.

    What could not be recorded is kept in a file that `khala ingest` loads.

    Exit status 125: the command was not started, for want of a database to record it in, say.
    """
    try:
        dsn = settings.resolve(settings.DATABASE, database)
        owner = settings.organisation(org, database)
        if owner is None:
            raise UsageError(
                "no organisation is named that owns the run", settings.NAME_ORGANISATION
            )
        options = RunOptions(
            database=dsn,
            run_id=run_id if run_id is not None else new_run_id(datetime.now(UTC)),
            title=title,
            org_id=owner,
            spool_directory=spool_dir or spool.spool_directory(os.environ),
            flush_seconds=flush,
            pace=Pace(heartbeat=heartbeat),
        )
        status = run_command(words, options)
    except UsageError as error:
        say(error)
        status = NOT_STARTED
    raise typer.Exit(status)
