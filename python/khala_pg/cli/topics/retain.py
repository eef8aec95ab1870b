"""`khala retain`: purge what is beyond the retention horizon."""

import time
from collections import deque
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from khala_pg.cli.options import Database
from khala_pg.cli.text import counted, json_text, number
from khala_pg.cli.topics.topic_names import complete
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.admin import Purge
from khala_pg.sqlapi.roles import DBA, connected

# Chosen by bench/endurance/retention.py.
BATCH = 1_000
SHARE = 0.1


def command(
    topic: Annotated[
        str | None,
        typer.Argument(help="The topic to purge. Default: every topic.", autocompletion=complete),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            metavar="INTERVAL",
            help="Keep what is younger, as PostgreSQL writes it: '12 hours'. "
            "Default: each topic's own horizon.",
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Most rows in one transaction, of one topic.")
    ] = BATCH,
    share: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Share of the time that it works; it rests between batches, so that writers "
            "hardly notice. 1: as fast as it goes.",
        ),
    ] = SHARE,
    database: Database = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per topic at the end.")
    ] = False,
) -> None:
    """Purge journal rows beyond the retention horizon, batch by batch, and show the new floors.

    Safe beside writers, readers and other purges, and to stop at any moment: each batch moves the
    floor in its own transaction. Clients whose cursor falls below a floor take a snapshot.

    Examples:

        khala retain

        khala retain runtime.run_summaries --horizon '12 hours'
    """
    done: dict[str, Purge] = {}
    console = Console(stderr=True, highlight=False)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]} purged"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with connected(resolve(DATABASE, database), DBA) as connection, progress:
        bar = progress.add_task(topic or "all topics", total=None, rows=counted(0, "row"))
        known = [each.topic for each in admin.topics(connection)] if topic is None else [topic]
        # A batch of each topic in one transaction would hold writers up as a large one does.
        left = deque(known)
        while left:
            began = time.monotonic()
            for purge in admin.retain(connection, left.popleft(), horizon, batch):
                before = done[purge.topic].deleted if purge.topic in done else 0
                done[purge.topic] = Purge(
                    purge.topic, before + purge.deleted, purge.retention_floor, purge.more
                )
                if purge.more:
                    left.append(purge.topic)
            progress.update(bar, rows=counted(sum(purge.deleted for purge in done.values()), "row"))
            if left:
                time.sleep(rest_s(time.monotonic() - began, share))
    _print(done, known, as_json)


def rest_s(worked_s: float, share: float) -> float:
    """Seconds to rest, so that work takes that share of the time."""
    return worked_s * (1 / share - 1)


def _print(done: dict[str, Purge], known: list[str], as_json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for name in sorted(known):
        purge = done.get(name)
        if as_json:
            print(json_text(asdict(purge) if purge else {"topic": name, "busy": True}))
        elif purge is None:
            console.print(f"{name}: left to another purge that is working on it", markup=False)
        else:
            console.print(
                f"{name}: {counted(purge.deleted, 'row')} purged, "
                f"floor {number(purge.retention_floor)}"
                + (", the rest left to another purge" if purge.more else ""),
                markup=False,
            )
