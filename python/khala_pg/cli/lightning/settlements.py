"""`khala lightning settlements`: invoices and settlements of a gateway."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from khala_pg.cli.lightning.programs import AsJson, ModeOption, Program, TimeLimit, out, run
from khala_pg.cli.text import counted
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.opening import Surroundings
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.settlements import ingest

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Invoices and settlements of a gateway."""


@app.command("ingest", cls=Program)
def command(
    file: Annotated[
        Path | None,
        typer.Argument(help="Lines of JSON; - or nothing: standard input.", show_default=False),
    ] = None,
    mode: ModeOption = None,
    as_json: AsJson = False,
    timeout: TimeLimit = 10.0,
) -> None:
    """Record invoices and settlements, a JSON object a line.

    A line with settlementId is a settlement with its proof, another with invoiceId is a state of an
    invoice; their fields are those of lightning/settlements:ingestSettlement and
    :ingestInvoiceLifecycle. A settlement settles its invoice. All are keyed: what was ingested
    before changes nothing, so a run that was cut short is simply repeated. A refused line does not
    stop the others; the exit status is then 1. A preimage is sent, and neither stored nor shown.

    Examples:

        khala lightning settlements ingest settled.jsonl

        gateway-export | khala lightning settlements ingest --json
    """

    async def work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
        with _lines(file) as lines:
            return await ingest(surroundings.plane, lines, say)

    run(mode, as_json, timeout, work, _show)


def _lines(file: Path | None) -> AbstractContextManager[BinaryIO]:
    """Bytes: a line that is not UTF-8 is one that is refused, and the only one."""
    if file is None or str(file) == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise OpsError(
                "no_input",
                "there is nothing to read",
                "Name a file of JSON lines, or pipe them in.",
            )
        return nullcontext(cast(BinaryIO, sys.stdin.buffer))
    try:
        return file.open("rb")
    except OSError as error:
        raise OpsError(
            "unreadable_file", f"{file} cannot be read: {error.strerror}", "Name another file."
        ) from error


def _show(result: dict[str, Any]) -> None:
    out(
        f"{counted(result['invoices'], 'invoice')}, {result['invoicesChanged']} of them new or "
        f"changed; {counted(result['settlements'], 'settlement')}, "
        f"{result['settlementsExisted']} of them known before"
    )
