"""Plots of how costs grow: scaling-AXIS.png. Needs the extra `bench`."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot


def draw(directory: Path, name: str, label: str, series: Mapping[str, Mapping[int, float]]) -> Path:
    """One picture: calls, delivery and memory beside each other, as far as there are any.

    A line for each series, both scales logarithmic. A dotted line shows what growing in proportion
    would look like.
    """
    panels: dict[str, dict[str, Mapping[int, float]]] = {}
    for line, points in series.items():
        panels.setdefault(_panel(line), {})[line] = points
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(6.5 * len(panels), 6), squeeze=False, layout="constrained"
    )
    for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
        for line, points in lines.items():
            axis.plot([*points], [*points.values()], marker="o", markersize=4, label=line)
        sizes = [*next(iter(lines.values()))]
        least = min(min(points.values()) for points in lines.values())
        most = max(max(points.values()) for points in lines.values())
        proportional = [least * size / sizes[0] for size in sizes]
        axis.plot(sizes, proportional, color="grey", linestyle=":", label="in proportion")
        axis.set(xscale="log", yscale="log", xlabel=label, ylabel=title, ylim=(least / 2, most * 2))
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize="small", loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2)
    directory.mkdir(exist_ok=True)
    file = directory / f"scaling-{name}.png"
    figure.savefig(file, dpi=80)
    pyplot.close(figure)
    print(f"drawn: bench/{directory.name}/{file.name}")
    return file


def _panel(line: str) -> str:
    if line.endswith("(bytes)"):
        return "bytes"
    if line.startswith(("relay, ", "backends, ")):
        return "delivery: processor time, µs"
    return "a call: processor time of its backend, µs"
