"""`khala doctor`: what is wrong with this database, and what to do."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from khala_pg.cli.text import json_text
from khala_pg.doctor.examine import Report, examine
from khala_pg.settings import DATABASE, resolve

_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}


def command(
    database: Annotated[
        str | None,
        typer.Option(
            help="Connection string, best of an owner, who sees most. "
            "Default: KHALA_DATABASE_URL, else a running `khala dev`."
        ),
    ] = None,
    listener_database: Annotated[
        str | None,
        typer.Option(
            help="The relay's connection string for LISTEN, when it is another one.",
            envvar="KHALA_LISTENER_DATABASE_URL",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a database: server, schema, roles, grants, settings, epoch, and LISTEN end to end.

    Changes nothing. Every finding that is not ok says what to do. Exit status 1 when anything
    fails; warnings alone leave it 0.

    Examples:

        khala doctor

        khala doctor --database postgresql://me@pooler/app --listener-database postgresql://me@db/app
    """
    report = examine(resolve(DATABASE, database), listener_database)
    if as_json:
        document = {
            "ok": report.worst != "fail",
            "findings": [asdict(finding) for finding in report.findings],
        }
        print(json_text(document, indent=2))
    else:
        _print(report)
    raise typer.Exit(1 if report.worst == "fail" else 0)


def _print(report: Report) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in report.findings:
        console.print(f"{_MARKS[finding.status]} {finding.check:20} {escape(finding.message)}")
        if finding.advice:
            console.print(f"     {'':20} → {escape(finding.advice)}")
