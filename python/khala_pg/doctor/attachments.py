"""Check of attached tables: what has changed in them, and rows that cannot be documents."""

import shlex
from collections.abc import Iterator
from typing import Any

import psycopg

from khala_pg.doctor.finding import Finding, ok, warned
from khala_pg.sqlapi import attachments

_CHECK = "attached tables"


def check_attachments(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Names each table that has changed since it was attached, and each with rows set aside."""
    found = attachments.attachments(connection)
    is_ok = True
    for each in found:
        if each.drift:
            is_ok = False
            advice = (
                f"`khala detach {each.topic}` forgets it."
                if each.state == "dropped"
                else f"Run `khala attach {shlex.quote(each.table_name)}` with its options again: "
                "it makes all documents anew."
            )
            yield warned(_CHECK, f"{each.table_name}: {'; '.join(each.drift)}", advice)
        if each.set_aside:
            is_ok = False
            yield warned(
                _CHECK,
                f"{each.table_name}: {each.set_aside} rows cannot be documents",
                "`khala attachments --aside` lists them with reasons; a corrected row becomes a "
                "document by itself.",
            )
    if is_ok:
        yield ok(_CHECK, f"{len(found)}, unchanged, every row a document" if found else "none")
