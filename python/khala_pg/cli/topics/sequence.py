"""`khala sequence`: give staged writes of grouped topics their watermarks, as relays do."""

import math
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from khala_pg.cli.options import Database
from khala_pg.cli.text import counted
from khala_pg.cli.topics.topic_names import complete
from khala_pg.errors import InTheWayError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

_BUSY_S = 0.02
# A relay or a writer is in the way for a moment only.
_SILENT_S = 0.5


def command(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="The topic to sequence. Default: every grouped topic.", autocompletion=complete
        ),
    ] = None,
    wait_s: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0.0,
            help="Most seconds to wait for another transaction that holds a topic. "
            "Default: without a limit.",
            show_default=False,
        ),
    ] = math.inf,
    database: Database = None,
) -> None:
    """Sequence what is staged in grouped topics, until nothing is left. Relays do it by themselves.

    Safe beside writers and relays: one caller at a time works on a topic. Standard error names what
    it waits for.

    Examples:

        khala sequence

        khala sequence shop.clicks
    """
    console = Console(highlight=False, soft_wrap=True)
    with connected(resolve(DATABASE, database), DBA) as connection:
        for name in admin.grouped_topics(connection) if topic is None else [topic]:
            writes = drain(connection, name, wait_s)
            console.print(f"{name}: {counted(writes, 'write')} sequenced", markup=False)


@dataclass(slots=True)
class Standstill:
    """Time in which a topic has not moved on. Standard error names once what it waits for."""

    since: float = field(default_factory=time.monotonic)
    said: str = ""

    def wait(self, message: str) -> None:
        if time.monotonic() - self.since > _SILENT_S and message != self.said:
            self.said = message
            typer.echo(message, err=True)
        time.sleep(_BUSY_S)


def drain(connection: psycopg.Connection[Any], topic: str, wait_s: float = math.inf) -> int:
    """Sequence what is staged; how many writes. Raises InTheWayError after `wait_s` without any."""
    writes, standstill = 0, Standstill()
    while True:
        done, state, obstacle = step(connection, topic)
        if state not in {"more", "busy"}:
            return writes + done
        if state == "more":
            writes, standstill = writes + done, Standstill()
            continue
        waited_s = time.monotonic() - standstill.since
        message = waiting_for(topic, obstacle)
        if waited_s >= wait_s:
            raise InTheWayError(
                f"{message}, for {waited_s:.0f} s",
                "End that transaction (pg_stat_activity shows it), or allow more with --wait.",
            )
        standstill.wait(message)


def waiting_for(topic: str, obstacle: str) -> str:
    return f"{topic}: waiting for {obstacle}"


def step(connection: psycopg.Connection[Any], topic: str) -> tuple[int, str, str]:
    """A batch: how many writes, the state, and who is in the way where that is `busy`."""
    try:
        done, state = admin.sequence(connection, topic)
    except psycopg.errors.LockNotAvailable:
        return 0, "busy", "a transaction that has locked a document or a table"
    return done, state, _holder(connection, topic) if state == "busy" else ""


def _holder(connection: psycopg.Connection[Any], topic: str) -> str:
    pids = admin.topic_holders(connection, topic)
    if not pids:
        return "a transaction that holds its row of runtime.sync_topic_sequences"
    return f"the transaction of process {', '.join(map(str, pids))}"
