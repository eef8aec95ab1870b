"""Runbook as the drill reads it: blocks of commands under headings, and the table of gates.

A block of `sh` is run as it stands. One of `sh service NAME` is a program that keeps running;
operators give it to their supervisor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"^#{2,3} (.+)$")
_FENCE = re.compile(r"^```sh(?: service ([a-z-]+))?$")
_GATE = re.compile(r"^\| ([^|`]+) \| `(.+)` \| (≤|≥|=) ([0-9.]+)[^|]* \|")
_COMPARE = {
    "≤": lambda found, limit: found <= limit,
    "≥": lambda found, limit: found >= limit,
    "=": lambda found, limit: found == limit,
}


@dataclass(frozen=True)
class Block:
    """Commands under a heading. service: name of the program that they start and leave running."""

    heading: str
    commands: str
    service: str | None


@dataclass(frozen=True)
class Gate:
    """A query to Prometheus, and what its result has to be."""

    name: str
    query: str
    relation: str
    limit: float

    @property
    def allowed(self) -> str:
        return f"{self.relation} {self.limit:g}"

    def is_met(self, found: float | None) -> bool:
        """Whether a result is allowed; none at all never is."""
        return found is not None and _COMPARE[self.relation](found, self.limit)


@dataclass(frozen=True)
class Runbook:
    """Blocks in the order of the page, and its gates."""

    blocks: Sequence[Block]
    gates: Sequence[Gate]

    def under(self, heading: str) -> Sequence[Block]:
        """The blocks under a heading. Raises KeyError where there are none."""
        found = [block for block in self.blocks if block.heading == heading]
        if not found:
            raise KeyError(heading)
        return found

    @property
    def headings(self) -> Sequence[str]:
        """The headings with commands, in their order."""
        return list(dict.fromkeys(block.heading for block in self.blocks))


def read(file: Path) -> Runbook:
    """Reads a runbook."""
    blocks: list[Block] = []
    gates: list[Gate] = []
    heading = ""
    lines = iter(file.read_text("utf-8").splitlines())
    for line in lines:
        if found := _HEADING.match(line):
            heading = found[1]
        elif found := _FENCE.match(line):
            commands = []
            while (command := next(lines)) != "```":
                commands.append(command)
            blocks.append(Block(heading, "\n".join(commands), found[1]))
        elif found := _GATE.match(line):
            query = found[2].replace("\\|", "|")
            gates.append(Gate(found[1], query, found[3], float(found[4])))
    return Runbook(blocks, gates)
