"""Report of a drill in Markdown: what happened, with times, numbers and pictures."""

import re
from collections.abc import Iterable
from pathlib import Path

from drills.course import Course, Reading, Step

_MOST_LINES = 30
_SECRETS = re.compile(r"(postgresql://[^:@\s]+:)[^@\s]+@")


def write(course: Course, file: Path, outcome: str) -> None:
    """Writes the report beside its pictures."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(_lines(course, file.parent, outcome)) + "\n", "utf-8")


def _lines(course: Course, folder: Path, outcome: str) -> Iterable[str]:
    yield f"# {course.title}"
    yield ""
    yield (
        f"A drill of {course.began:%Y-%m-%d}, from {course.began:%H:%M:%S} UTC,"
        f" {course.elapsed_s:.0f} seconds long. **{outcome}**"
    )
    yield ""
    yield "The drill wrote this page while it ran: what stands here happened."
    yield ""
    yield from _table(("condition", "value"), course.facts.items())
    yield "## Course"
    yield ""
    yield from _table(
        ("at (s)", "step", "took (s)", "gates", "result"),
        (
            (
                f"{step.at_s:.1f}",
                step.title,
                f"{step.seconds:.1f}",
                str(len(step.gates)) if step.gates else "",
                "done" if step.error is None else f"**{_cell(step.error)}**",
            )
            for step in course.steps
        ),
    )
    for step in course.steps:
        yield from _step(step, folder)


def _step(step: Step, folder: Path) -> Iterable[str]:
    yield f"## {step.title}"
    yield ""
    if step.commands:
        yield "```sh"
        yield from step.commands
        yield "```"
        yield ""
    for output in step.outputs:
        lines = [line.rstrip() for line in _SECRETS.sub(r"\1…@", output).splitlines()]
        yield "```text"
        yield from lines[:_MOST_LINES]
        if len(lines) > _MOST_LINES:
            yield f"… {len(lines) - _MOST_LINES} more lines"
        yield "```"
        yield ""
    for note in step.notes:
        yield f"- {note}"
    if step.notes:
        yield ""
    if step.gates:
        yield from _table(("gate", "found", "allowed", "met"), map(_reading, step.gates))
    for title, picture in step.pictures:
        yield f"![{title}]({picture.relative_to(folder)})"
        yield ""


def _reading(reading: Reading) -> tuple[str, ...]:
    found = "nothing" if reading.found is None else f"{reading.found:.4g}"
    return reading.gate, found, reading.allowed, "yes" if reading.is_met else "**no**"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
