"""`khala parity`: whether the legacy backend holds what Khala holds, during a migration."""

import asyncio
import os
import time
from dataclasses import asdict
from typing import Annotated, Any

import psycopg
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import counted, json_text, number, say, wide_console
from khala_pg.connections import connect_async
from khala_pg.errors import KhalaError, UnavailableError, UsageError, from_psycopg
from khala_pg.parity.cycle import Comparison, Cycle, compare
from khala_pg.parity.legacy import QUERIES, LegacyBackend, legacy_backend
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import parity as sqlapi
from khala_pg.sqlapi.roles import DBA, explained


def command(
    url: Annotated[
        str | None, typer.Option(help="Address of the legacy backend: its deployment URL.")
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help=f"May be repeated; all by default: {', '.join(QUERIES)}."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=1000, help="Most documents of each topic in a cycle.")
    ] = 100,
    interval: Annotated[
        float, typer.Option(min=1, help="Seconds from the start of a cycle to the next.")
    ] = 30,
    once: Annotated[
        bool,
        typer.Option("--once", help="One cycle; exit status 1 unless everything is the same."),
    ] = False,
    settle: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds that an update may take; what differs is read again after them."
        ),
    ] = 2,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for a response of the legacy backend.")
    ] = 10,
    concurrency: Annotated[
        int, typer.Option(min=1, max=200, help="Documents to read from it at once.")
    ] = 16,
    gates: Annotated[
        bool,
        typer.Option(
            "--gates", help="Show the gates of a cutover; exit status 1 where one is not met."
        ),
    ] = False,
    window: Annotated[
        str, typer.Option(help="With --gates: the time until now that they look at.")
    ] = "1 hour",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Compare documents with those of the legacy backend, again and again, and keep the results.

    Each mismatch is a line with its reason. The credential of the legacy backend comes from
    KHALA_PUBLISH_ADMIN_KEY or KHALA_PUBLISH_TOKEN.

    Examples:

        khala parity --url https://happy-animal-123.convex.cloud

        khala parity --url https://happy-animal-123.convex.cloud --once --sample 500

        khala parity --gates
    """
    dsn = resolve(DATABASE, database)
    if gates:
        asyncio.run(_show_gates(dsn, window, as_json))
        return
    if url is None:
        raise UsageError(
            "no option says where the legacy backend is",
            "Pass --url, or --gates to see what earlier comparisons say.",
        )
    for name in topic or ():
        if name not in QUERIES:
            raise UsageError(
                f"the legacy backend has no query for topic {name}", f"Use {', '.join(QUERIES)}."
            )
    comparison = Comparison(topic or list(QUERIES), sample, concurrency, settle)
    asyncio.run(_compare(dsn, url, timeout, comparison, None if once else interval, as_json))


async def _compare(
    dsn: str,
    url: str,
    timeout_s: float,
    comparison: Comparison,
    interval_s: float | None,
    as_json: bool,
) -> None:
    """Cycles for ever, or one without an interval. Raises KhalaError unless that is clean."""
    async with legacy_backend(url, os.environ, timeout_s, comparison.concurrency) as legacy:
        if interval_s is None:
            if not await _cycle(dsn, legacy, comparison, as_json):
                raise KhalaError(
                    "the two sides are not the same, as far as they could be compared",
                    "docs/sync/PARITY_DASHBOARD.md says what to do for each reason.",
                )
            return
        while True:
            began = time.monotonic()
            try:
                await _cycle(dsn, legacy, comparison, as_json)
            except psycopg.Error as error:
                ours = from_psycopg(error)
                if not isinstance(ours, UnavailableError):
                    raise
                say(ours)
            await asyncio.sleep(max(0, began + interval_s - time.monotonic()))


async def _cycle(dsn: str, legacy: LegacyBackend, comparison: Comparison, as_json: bool) -> bool:
    """One cycle, shown; whether everything is the same."""
    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("comparing", total=None)
        cycle = await compare(
            dsn,
            legacy,
            comparison,
            lambda total: progress.update(bar, total=total),
            lambda done: progress.advance(bar, done),
        )
    for reason, documents in cycle.unread.items():
        hint = cycle.error.hint if cycle.error is not None else ""
        say(KhalaError(f"{counted(documents, 'document')} not compared: {reason}", hint))
    _print(cycle, as_json)
    return cycle.is_clean


def _print(cycle: Cycle, as_json: bool) -> None:
    if as_json:
        for verdict in cycle.mismatches:
            print(json_text({"type": "mismatch", "cycle": cycle.number, **asdict(verdict)}))
        error = None if cycle.error is None else str(cycle.error)
        result: dict[str, Any] = asdict(cycle.result)
        mismatches = len(cycle.mismatches)
        line = {"type": "cycle", "cycle": cycle.number, **result, "mismatches": mismatches}
        print(json_text({**line, "error": error}), flush=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    for verdict in cycle.mismatches:
        console.print(_line(verdict), markup=False)
    differ = {reason: n for reason, n in cycle.result.reasons.items() if _is_mismatch(reason)}
    said = f"{counted(cycle.result.compared, 'document')} compared"
    said += f", {counted(len(cycle.mismatches), 'mismatch', 'mismatches')}"
    if differ:
        said += f" ({', '.join(f'{reason} {n}' for reason, n in sorted(differ.items()))})"
    said += f", greatest drift {number(cycle.result.max_drift)}"
    if cycle.result.unread:
        said += f"; {counted(cycle.result.unread, 'document')} not compared"
    console.print(said, markup=False)


def _is_mismatch(reason: str) -> bool:
    return reason not in ("none", "unread")


def _line(verdict: sqlapi.Verdict) -> str:
    sides = (
        ("Khala", verdict.khala_version, verdict.khala_hash),
        ("legacy", verdict.legacy_seq, verdict.legacy_hash),
    )
    said = [
        f"{name} {'nothing' if digest is None else digest[:15]}"
        + ("" if version is None else f" at {version:.0f}")
        for name, version, digest in sides
    ]
    drift = f" of {number(verdict.drift)}" if verdict.drift else ""
    detail = "" if verdict.detail is None else f"; {verdict.detail}"
    return f"{verdict.topic} {verdict.doc_key}: {verdict.reason}{drift}: {', '.join(said)}{detail}"


async def _show_gates(dsn: str, window: str, as_json: bool) -> None:
    """Raises KhalaError where one is not met."""
    async with await connect_async(dsn) as connection, explained(connection, DBA):
        found = await sqlapi.gates(connection, window)
    if as_json:
        for gate in found:
            print(json_text(asdict(gate)))
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("gate", style="bold")
        table.add_column("met")
        table.add_column("found", justify="right")
        table.add_column("allowed")
        for gate in found:
            value = "-" if gate.found is None else f"{gate.found:g}"
            table.add_row(gate.gate, "yes" if gate.is_met else "no", value, gate.allowed)
        wide_console().print(table)
    if unmet := [gate.gate for gate in found if not gate.is_met]:
        raise KhalaError(
            f"not met: {', '.join(unmet)}",
            "`khala parity --url … --once` shows what differs now; docs/sync/PARITY_DASHBOARD.md "
            "says what to do.",
        )
