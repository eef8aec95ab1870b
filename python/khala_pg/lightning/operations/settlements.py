"""`khala lightning settlements ingest`: invoices and settlements of a gateway, line by line.

Both are keyed: what was ingested before changes nothing, so that a run which was cut short is
simply repeated.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from khala_pg import strict_json
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import CallFailedError, OpsError
from khala_pg.lightning.operations.progress import Say

_SHOWN = 20
_EACH = 100


@dataclass
class Counts:
    """What became of the lines."""

    invoices: int = 0
    changed: int = 0
    settlements: int = 0
    existed: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        return {
            "invoices": self.invoices,
            "invoicesChanged": self.changed,
            "settlements": self.settlements,
            "settlementsExisted": self.existed,
        }


async def ingest(plane: ControlPlane, lines: Iterable[bytes], say: Say) -> dict[str, Any]:
    """The result of the program. Raises OpsError: for refused lines after all others are done, for
    a control plane that is away at once."""
    counts = Counts()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                await _ingest(plane, line, counts)
            except CallFailedError as error:
                if error.arrived != "yes":
                    raise _cut_short(number, error, counts) from error
                counts.refused.append(_refused(number, error))
            except OpsError as error:
                counts.refused.append(_refused(number, error))
        if number % _EACH == 0:
            say(f"line {number}")
    if counts.refused:
        first = counts.refused[0]
        raise OpsError(
            "records_refused",
            f"{len(counts.refused)} records were refused, the first in line {first['line']}: "
            f"{first['message']}",
            "Correct these lines and run it again: the others are done, and are not done twice.",
            refusedCount=len(counts.refused),
            refused=counts.refused[:_SHOWN],
            **counts.json(),
        )
    return counts.json()


async def _ingest(plane: ControlPlane, line: bytes, counts: Counts) -> None:
    try:
        record = strict_json.loads(line)
    except ValueError:
        record = None
    # What stands in a line is not repeated in an error: it may be a preimage.
    if not isinstance(record, dict):
        raise OpsError("invalid_record", "the line is no JSON object")
    if "settlementId" in record:
        response = await plane.ingest_settlement(record)
        counts.settlements += 1
        counts.existed += bool(response["existed"])
    elif "invoiceId" in record:
        response = await plane.ingest_invoice(record)
        counts.invoices += 1
        counts.changed += bool(response["changed"])
    else:
        raise OpsError("invalid_record", "the line has neither settlementId nor invoiceId")


def _refused(number: int, error: OpsError) -> dict[str, Any]:
    hint = {"hint": error.hint} if error.hint else {}
    return {"line": number, "code": error.code, "message": str(error), **hint}


def _cut_short(number: int, error: CallFailedError, counts: Counts) -> OpsError:
    return OpsError(
        error.code,
        f"line {number}: {error}",
        f"{error.hint} Then run it again: what is done is not done twice.".strip(),
        line=number,
        **counts.json(),
    )
