"""`khala worker ID -- CMD …`: a codex worker that gives each request to a command."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from khala_pg import settings
from khala_pg.cli.options import Database, Organisation
from khala_pg.errors import UsageError
from khala_pg.workers.agent import Agent, Worker

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_interspersed_args": False})
def command(
    worker_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the worker.")],
    words: Annotated[
        list[str], typer.Argument(metavar="-- CMD [ARG]…", help="What serves a request.")
    ],
    title: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Where it works; by default the current directory.")
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="What it works with; by default the name of the command.")
    ] = None,
    org: Organisation = None,
    database: Database = None,
    heartbeat: Annotated[
        float, typer.Option(min=0.1, max=60.0, help="Seconds between heartbeats.")
    ] = 30.0,
    poll: Annotated[
        float, typer.Option(min=0.05, max=60.0, help="Seconds between looks for requests.")
    ] = 1.0,
) -> None:
    """Run a codex worker until somebody requests it to stop, or Ctrl-C.

    A request is a JSON object on the standard input of the command.

    A JSON object on its standard output is the response; other output is kept as a string.

    A command that fails refuses the request. A stop waits for the request that is being served.

    It waits for a database that is away.

    Options stand before the id.

    Examples:

        khala worker --title "answers what it gets" echo-1 -- cat
    """
    dsn = settings.resolve(settings.DATABASE, database)
    owner = settings.organisation(org, database)
    if owner is None:
        raise UsageError(
            "no organisation is named that owns the worker", settings.NAME_ORGANISATION
        )
    # Options end at the id, and so does the meaning of what follows it.
    words = words[1:] if words[0] == "--" else words
    if not words:
        raise UsageError("no command is named", "Name it after --, as in `khala worker w -- cat`.")
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"{words[0]}: command not found", "Name a program that can be run: it serves requests."
        )
    started = {
        "workspace": workspace if workspace is not None else str(Path.cwd()),
        "adapter": adapter if adapter is not None else Path(words[0]).name,
        "metadata": {"host": socket.gethostname(), "pid": os.getpid()},
        **({} if title is None else {"title": title}),
    }
    worker = Worker(dsn, worker_id, owner, started, words, heartbeat, poll)
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(f"{worker_id}: {line}", markup=False)

    asyncio.run(_run(worker, say))


async def _run(worker: Worker, say: Callable[[str], None]) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    await Agent(worker, interrupted, say).run()
