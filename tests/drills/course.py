"""Course of a drill: what was done when, what it showed, and whether each gate was met."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


class GateNotMetError(Exception):
    """A gate was not met in time; the message says which, and what was found."""


@dataclass(frozen=True)
class Reading:
    """A gate as it was read. found: None where there is nothing to read."""

    gate: str
    found: float | None
    allowed: str
    is_met: bool

    def __str__(self) -> str:
        value = "nothing" if self.found is None else f"{self.found:.4g}"
        return f"{self.gate}: {value} ({self.allowed})"


@dataclass
class Step:
    """A step of a drill. at_s: from the beginning of the drill; commands: as they were run."""

    title: str
    at_s: float
    seconds: float = 0.0
    commands: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gates: list[Reading] = field(default_factory=list)
    pictures: list[tuple[str, Path]] = field(default_factory=list)
    error: str | None = None


class Course:
    """Steps of a drill in their order; each is printed as it happens."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.began = datetime.now(UTC)
        self.steps: list[Step] = []
        self.facts: dict[str, str] = {}
        self._clock = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._clock

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """A step, timed. An exception is kept in it and goes on."""
        step = Step(title, self.elapsed_s)
        self.steps.append(step)
        print(f"[{step.at_s:7.1f} s] {title}", flush=True)
        try:
            yield step
        except BaseException as error:
            step.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.seconds = self.elapsed_s - step.at_s

    def note(self, text: str) -> None:
        """Something that the step in progress showed."""
        self.steps[-1].notes.append(text)
        print(f"[{self.elapsed_s:7.1f} s]   {text}", flush=True)
