"""Numbers and errors as people read them, JSON for programs, and the console that tables go to."""

import codecs
import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from khala_pg.errors import KhalaError, RefusedError, UsageError

# But for line feed and tab. In JSON, none of them is outside of a string.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s"
    rest = round(seconds)
    parts = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def size(count: int) -> str:
    """A number of bytes in its largest fitting unit."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def number(count: float) -> str:
    """A number with its thousands apart."""
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: 1 event, 2 events. `many`: a plural that is not `one` with an s."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def utc(moment: datetime) -> str:
    """A moment to the minute, with its time zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def printable(text: str) -> str:
    """A string without characters that a terminal obeys: keys and names may have any."""
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return rf"\u{ord(found[0]):04x}"


class _SafeConsole(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def wide_console() -> Console:
    """Standard output, wide enough for tables when it is no terminal."""
    console = _SafeConsole(highlight=False)
    return console if console.is_terminal else _SafeConsole(highlight=False, width=160)


def print_table(table: Table, empty: str) -> None:
    """Prints a table; one without rows as a sentence that says what makes some."""
    if table.row_count:
        wide_console().print(table)
    else:
        Console(highlight=False, soft_wrap=True).print(empty, markup=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON that standard output can write.

    Where that is not UTF-8 all but ASCII is escaped here: the stream's own escapes are not JSON.
    """
    # None where it is closed.
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", "utf-8")).name
    text = json.dumps(value, indent=indent, ensure_ascii=encoding != "utf-8", default=str)
    return printable(text)


def confirm(question: str) -> None:
    """Ends the command unless the answer is yes. Raises UsageError where nobody can answer."""
    if sys.__stdin__ is None:
        raise UsageError("standard input is closed", "Pass --yes to confirm beforehand.")
    typer.confirm(question, abort=True)


def say(error: KhalaError) -> None:
    """Prints an error and its hint on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]khala:[/] {escape(printable(str(error)))}")
    if error.hint:
        console.print(f"  {escape(printable(error.hint))}")
    # psql shows the DETAIL that a HINT refers to.
    if isinstance(error, RefusedError) and "DETAIL" in error.hint:
        console.print(f"  DETAIL: {escape(json.dumps(error.detail))}")


def status_of(error: KhalaError) -> int:
    """The exit status: 2 when the call was wrong, 1 when the work failed."""
    return 2 if isinstance(error, UsageError) else 1


def refuse_enum_names(topics: Iterable[str]) -> None:
    """Raises UsageError for a topic by its proto enum name.

    A request for a part of the scopes compares them with own names.
    """
    for topic in topics:
        if re.fullmatch(r"SYNC_TOPIC_[A-Z0-9_]+", topic.partition("/")[0]):
            raise UsageError(
                f"{topic} is the enum name of a topic",
                "Write its own name, such as runtime.run_summaries: `khala topics --json` "
                "lists both.",
            )
