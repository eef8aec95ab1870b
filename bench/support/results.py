"""Figures of a bench: their spread, the table that is printed, the JSON file."""

import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parents[1] / "results"
# Measured before the bench adds to it.
_LOAD_BEFORE = os.getloadavg()[0]
_WIDTH = 140

Shown = dict[str, Any]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most of the measurements."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(values: Iterable[float], peers: Iterable[float]) -> dict[str, float]:
    """Spread of each value over its peer's of the same round."""
    return spread([value / peer for value, peer in zip(values, peers, strict=True)])


def ratio_text(ratio: Mapping[str, float]) -> str:
    """Median, and least to most in parentheses."""
    return "{median:.2f} ({min:.2f} to {max:.2f})".format(**ratio)


def quantile(values: Iterable[float], share: float) -> float:
    """The value that so large a share is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Shown:
    """Prints a table, the first column of which names the row, and returns it for `save`."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    # A pipe or a file has no width.
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)
    return {"title": title, "columns": list(columns), "rows": [list(row) for row in rows]}


def save(name: str, content: dict[str, Any], tables: Sequence[Shown] = ()) -> Path:
    """Writes bench/results/NAME.json and prints where it is."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(_LOAD_BEFORE, 2),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps({**content, "tables": list(tables), "machine": machine}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path
