"""`khala sequence`: give staged writes of grouped topics their watermarks, as relays do."""

import time
from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.options import Database
from khala_pg.cli.text import counted
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

_BUSY_S = 0.02


def command(
    topic: Annotated[
        str | None, typer.Argument(help="The topic to sequence. Default: every grouped topic.")
    ] = None,
    database: Database = None,
) -> None:
    """Sequence what is staged in grouped topics, until nothing is left. Relays do it by themselves.

    Safe beside writers and relays: one caller at a time works on a topic.

    Examples:

        khala sequence

        khala sequence shop.clicks
    """
    console = Console(highlight=False, soft_wrap=True)
    with connected(resolve(DATABASE, database), DBA) as connection:
        for name in admin.grouped_topics(connection) if topic is None else [topic]:
            writes, state = 0, "more"
            while state in {"more", "busy"}:
                done, state = admin.sequence(connection, name)
                writes += done
                if state == "busy":
                    time.sleep(_BUSY_S)
            console.print(f"{name}: {counted(writes, 'write')} sequenced", markup=False)
