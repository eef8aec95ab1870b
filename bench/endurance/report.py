"""Report of endurance runs: a table with a column for each, and a plot of all in a row."""

import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.support.results import save, show

PLOT = Path(__file__).resolve().parent / "plots" / "endurance.png"
_MIB = 2**20
_JOURNAL = "sync_stream_events"
_HOT = "sync_topic_sequences"

Part = dict[str, Any]


def report(parts: Sequence[Part], *, merged: bool) -> int:
    """Prints the table; merged: draws the plot as well. 1 if anything did not hold."""
    rows = [_facts(part) for part in parts]
    show(
        "Endurance; growth: median of the last third over that of the first, after the warm-up",
        ["", *(part["started"] for part in parts)],
        [[name, *(row[name] for row in rows)] for name in rows[0]],
    )
    for violation in itertools.chain.from_iterable(part["violations"] for part in parts):
        print(f"violation: {violation}")
    if merged:
        save("endurance", {"parts": parts})
        _draw(parts)
    return 1 if any(part["violations"] for part in parts) else 0


def _facts(part: Part) -> dict[str, str]:
    samples = _warm(part)
    rss = [sample["relay_rss_bytes"] / _MIB for sample in samples]
    tables = [sum(sample["table_bytes"].values()) / _MIB for sample in samples]
    minutes = part["samples"][-1]["at_s"] / 60 if part["samples"] else 0.0
    return {
        "minutes": f"{minutes:.1f}",
        **{name: f"{number:,}" for name, number in part["totals"].items()},
        "relay, MiB": _last(rss),
        "at its peak": f"{max(rss):.1f}" if rss else "-",
        "its growth": _growth(rss),
        "tables, MiB": _last(tables),
        "their growth": _growth(tables),
        "violations": str(len(part["violations"])),
    }


def _warm(part: Part) -> list[dict[str, Any]]:
    """The samples from when purges and writes have come to balance: a horizon and two purges."""
    settings = part["settings"]
    warm_s = settings["horizon_s"] + 2 * settings["retain_every_s"]
    return [sample for sample in part["samples"] if sample["at_s"] >= warm_s] or part["samples"]


def _last(values: Sequence[float]) -> str:
    return f"{values[-1]:.1f}" if values else "-"


def _growth(values: Sequence[float]) -> str:
    third = len(values) // 3
    if not third:
        return "-"
    return f"{statistics.median(values[-third:]) / statistics.median(values[:third]):.2f}"


def _draw(parts: Sequence[Part]) -> None:
    try:
        # Optional, so it is loaded where it is needed.
        import matplotlib
    except ImportError:
        print("no plot without matplotlib: pip install '.[bench]'")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (memory, tables, traffic) = pyplot.subplots(3, sharex=True, figsize=(10, 9))
    offset = 0.0
    for number, part in enumerate(parts):
        samples = part["samples"]
        minutes = [offset + sample["at_s"] / 60 for sample in samples]
        # One entry a line in the legend, however many parts there are.
        label = "" if number == 0 else "_"

        def sizes(names: Sequence[str], samples: Any = samples) -> list[float]:
            return [sum(each["table_bytes"][name] for name in names) / _MIB for each in samples]

        models = [name for name in samples[0]["table_bytes"] if name not in {_JOURNAL, _HOT}]
        memory.plot(minutes, [each["relay_rss_bytes"] / _MIB for each in samples], color="C0")
        tables.plot(minutes, sizes([_JOURNAL]), color="C0", label=f"{label}journal")
        tables.plot(minutes, sizes(models), color="C1", label=f"{label}read models and the rest")
        tables.plot(minutes, sizes([_HOT]), color="C2", label=f"{label}sequences")
        traffic.plot(
            minutes,
            [each["updates_per_s"] for each in samples],
            color="C0",
            label=f"{label}updates delivered a second",
        )
        traffic.plot(
            minutes,
            [each["live"] for each in samples],
            color="C1",
            label=f"{label}subscribers connected",
        )
        offset = minutes[-1]
        for axes in (memory, tables, traffic):
            axes.axvline(offset, color="0.8", linewidth=0.8)
    memory.set_ylabel("relay, resident MiB")
    tables.set_ylabel("tables with indexes, MiB")
    traffic.set_xlabel("minutes")
    for axes in (memory, tables, traffic):
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    for axes in (tables, traffic):
        axes.legend(loc="lower right")
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=100)
    print(f"written: bench/plots/{PLOT.name}")
