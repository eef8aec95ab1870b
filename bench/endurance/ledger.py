"""Every committed write of a run, as far back as a subscriber may still be sent it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class ViolationError(Exception):
    """Something that was promised did not hold."""


@dataclass(frozen=True, slots=True)
class Written:
    """One committed write; `org` None: everybody may see it; `payload` None: a tombstone."""

    doc_key: str
    doc_version: int
    org: str | None
    payload: Any


class Ledger:
    """What each watermark is, and which of them an organisation sees.

    complete: per topic, everything up to this watermark is booked. Whatever every subscriber was
    checked for can be forgotten, so that a long run needs no more memory than a short one.
    """

    def __init__(self, topics: Iterable[str], orgs: Iterable[str]) -> None:
        self.complete = dict.fromkeys(topics, 0)
        self.commits = 0
        self._orgs = tuple(orgs)
        self._written: dict[str, dict[int, Written]] = {topic: {} for topic in self.complete}
        self._visible: dict[tuple[str, str], list[int]] = {
            (topic, org): [] for topic in self.complete for org in self._orgs
        }
        self._forgotten = dict.fromkeys(self.complete, 0)

    def add(self, topic: str, watermark: int, write: Written) -> None:
        """Books a committed write. Raises ViolationError when its watermark is another's."""
        written = self._written[topic]
        if watermark in written or watermark <= self.complete[topic]:
            raise ViolationError(f"{topic}: watermark {watermark} was given out twice")
        written[watermark] = write
        self.commits += 1
        following = self.complete[topic] + 1
        while following in written:
            owner = written[following].org
            for org in self._orgs if owner is None else (owner,):
                self._visible[topic, org].append(following)
            self.complete[topic] = following
            following += 1

    def between(self, topic: str, org: str, after: int, until: int) -> Sequence[int]:
        """The watermarks that an organisation sees, above the one and up to the other."""
        visible = self._visible[topic, org]
        return visible[bisect_right(visible, after) : bisect_right(visible, until)]

    def __getitem__(self, place: tuple[str, int]) -> Written:
        topic, watermark = place
        return self._written[topic][watermark]

    def forget(self, topic: str, until: int) -> None:
        """Nobody will be checked for anything up to this watermark any more."""
        for watermark in range(self._forgotten[topic] + 1, until + 1):
            del self._written[topic][watermark]
        self._forgotten[topic] = max(self._forgotten[topic], until)
        for org in self._orgs:
            visible = self._visible[topic, org]
            del visible[: bisect_right(visible, until)]
