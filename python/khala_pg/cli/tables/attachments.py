"""`khala attachments`: tables whose rows are documents, and rows that cannot be."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import json_text, number, print_table, utc
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import attachments
from khala_pg.sqlapi.roles import DBA, connected

_MOST_ASIDE = 1000


def command(
    aside: Annotated[
        bool,
        typer.Option(
            "--aside", help=f"List rows that cannot be documents, the last {_MOST_ASIDE}."
        ),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List attached tables: state, rows set aside, and what has changed in the table since.

    state: reading rows and removing documents come first, then live; dropped: the table is gone.
    After a change, `khala attach` with the same arguments makes all documents anew.

    Examples:

        khala attachments

        khala attachments --aside --json
    """
    with connected(resolve(DATABASE, database), DBA) as connection:
        if aside:
            _show_aside(attachments.rows_set_aside(connection, None, _MOST_ASIDE), as_json)
            return
        found = attachments.attachments(connection)
    if as_json:
        for each in found:
            print(json_text({**asdict(each), "attached_at": each.attached_at.isoformat()}))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("topic", "table", "key", "organisation", "state"):
        table.add_column(name, overflow="fold", style="bold" if name == "topic" else "")
    for name in ("rows read", "set aside"):
        table.add_column(name, justify="right")
    table.add_column("changed since", overflow="fold")
    for each in found:
        table.add_row(
            each.topic,
            each.table_name,
            ", ".join(each.key_columns),
            each.org_column or "-",
            each.state,
            number(each.backfilled_rows),
            number(each.set_aside),
            "\n".join(each.drift),
        )
    print_table(table, "No table is attached. Attach one: khala attach public.orders --key id …")


def _show_aside(rows: Sequence[attachments.RowSetAside], as_json: bool) -> None:
    if as_json:
        for row in rows:
            times = {"first_at": row.first_at.isoformat(), "last_at": row.last_at.isoformat()}
            print(json_text({**asdict(row), **times}))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("topic", "row", "reason"):
        table.add_column(name, overflow="fold", style="bold" if name == "topic" else "")
    table.add_column("times", justify="right")
    table.add_column("last")
    for row in rows:
        table.add_row(row.topic, row.row_key, row.reason, number(row.times), utc(row.last_at))
    print_table(table, "No row is set aside.")
