"""A document whose examples are spoken: read here, and compared with what a live relay says.

Fenced blocks of these kinds, run in the order in which they stand:

- `sql`: statements, run as the owner of the database, in one transaction;
- `wire NAME [encoding=protobuf]`: messages on the socket of that name, opened at its first block.
  `> …` is sent, `< …` has to come, `< binary HEX` or `< closed CODE REASON` too, and
  `= MESSAGE …` is what the binary push before it holds, as proto-JSON;
- `http` or, on the port of sockets, `http socket`: a request line with headers, then `< STATUS` and
  the body that has to come.

Lines that begin with two spaces continue the line before. A text of the form «name» stands for any
value; wherever the name comes back, for the same one.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_BLOCK = re.compile(r"^```(sql|wire|http)\b *(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY = re.compile(r"«([^«»]+)»")


@dataclass(frozen=True)
class Block:
    """One example: its kind, the words after the kind, its lines put together again."""

    kind: str
    words: tuple[str, ...]
    lines: tuple[str, ...]
    line_number: int


def blocks(text: str) -> list[Block]:
    """The examples of a document."""
    found = []
    for match in _BLOCK.finditer(text):
        kind, words, body = match.groups()
        lines: list[str] = []
        for line in body.splitlines():
            if line.startswith("  ") and lines and kind != "sql":
                lines[-1] += line.strip()
            elif line.strip():
                lines.append(line)
        number = text.count("\n", 0, match.start()) + 1
        found.append(Block(kind, tuple(words.split()), tuple(lines), number))
    return found


def fill(text: str, known: dict[str, Any]) -> str:
    """The text with every «name» replaced by its value."""
    return _ANY.sub(lambda match: str(known[match[1]]), text)


def matches(expected: Any, said: Any, known: dict[str, Any]) -> bool:
    """Whether what was said is what the document says; notes what each «name» stands for."""
    if isinstance(expected, str) and (name := _ANY.fullmatch(expected)) is not None:
        return isinstance(said, str) and bool(known.setdefault(name[1], said) == said)
    if isinstance(expected, dict) and isinstance(said, dict):
        return expected.keys() == said.keys() and all(
            matches(value, said[key], known) for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(said, list):
        return len(expected) == len(said) and all(
            matches(one, other, known) for one, other in zip(expected, said, strict=True)
        )
    return type(expected) is type(said) and bool(expected == said)


def as_written(value: Any) -> str:
    """A message as it might stand in the document, for whoever has to correct it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
