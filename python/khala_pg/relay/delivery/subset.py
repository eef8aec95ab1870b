"""Subset of a topic's keys, as the database says it: what a filter and a token's scopes leave."""

import json
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Subset:
    """Marks of which each of its keys has one, and the lengths in which the database makes the
    marks of an update.

    text: the subset in the database's words, the same for equal subsets.
    """

    text: str
    lengths: frozenset[int] = field(compare=False, repr=False)
    marks: frozenset[str] = field(compare=False, repr=False)

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """The subset that a cursor has; None for all keys."""
        if text is None:
            return None
        found = json.loads(text)
        return cls(text, frozenset(found["lengths"]), frozenset(found["marks"]))
