"""Many runs as a table, and as JSON to add to later."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from faults.kinds import KINDS
from faults.runner import Outcome

COLUMNS = (
    *("fault", "runs", "failed", "writers p50", "p99", "delivered p50", "p99 (s)"),
    *("commits", "repeated", "updates", "published", "connections", "resyncs", "purged"),
    "growth (MiB)",
)


@dataclass(frozen=True)
class Failure:
    """A run whose invariants did not hold; its seed repeats it."""

    seed: int
    fault: str
    postgres: str
    error: str


@dataclass
class Report:
    """Everything that runs showed. `skipped` says per fault why it is not possible here."""

    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """One row per fault, and one for all."""
        names = [kind.name for kind in KINDS]
        seen = [n for n in names if any(each.fault == n for each in self._all())]
        return [self._row(name) for name in seen] + [self._row(None)]

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def add(self, file: Path) -> None:
        """Adds the runs of a file that `save` wrote."""
        content: dict[str, Any] = json.loads(file.read_text())
        self.outcomes += [Outcome(**each) for each in content["outcomes"]]
        self.failures += [Failure(**each) for each in content["failures"]]
        self.skipped |= content["skipped"]

    def markdown(self) -> str:
        """The table as a document wants it."""
        lines = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *self.rows()]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _all(self) -> list[Outcome | Failure]:
        return [*self.outcomes, *self.failures]

    def _row(self, fault: str | None) -> list[str]:
        good = [each for each in self.outcomes if fault in {None, each.fault}]
        bad = [each for each in self.failures if fault in {None, each.fault}]
        row = [fault or "all", str(len(good) + len(bad)), str(len(bad))]
        if not good:
            return [*row, *["-"] * (len(COLUMNS) - len(row))]
        for times in ([o.writers_s for o in good], [o.delivered_s for o in good]):
            row += [f"{percentile(times, 0.5):.2f}", f"{percentile(times, 0.99):.2f}"]
        counts = (
            "commits",
            "repeats",
            "updates",
            "published",
            "connections",
            "snapshots",
            "purged",
        )
        for name in counts:
            row.append(f"{sum(getattr(each, name) for each in good):,}")
        return [*row, f"{max(each.growth_bytes for each in good) / 2**20:.0f}"]


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
