"""What a relay must never send: each lie changes frames on their way from a real socket into a
subscriber's books, to see that the books do not balance."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from websockets.asyncio.client import ClientConnection

from faults.witness import Witness

Frame = list[Any]
Lie = Callable[[Sequence[Frame]], list[Frame] | None]
"""Given two frames of updates that follow each other, what the subscriber gets in their place; None
when these are not fit for it."""


@dataclass(frozen=True)
class Case:
    """A lie, and words of what the books say then.

    resumes: the first frame is given as it came, then the connection ends, and the lie is what is
    given in the place of the second, which came over the next one.
    """

    lie: Lie
    finding: str
    resumes: bool = False

    @property
    def name(self) -> str:
        return self.lie.__name__


class Misled(Witness):
    """A subscriber that is told a lie once, at the first frames that are fit for it; without a case
    an honest one."""

    case: Case | None = None
    is_told = False
    _before: Frame | None = None

    async def begin(self, socket_: ClientConnection) -> None:
        if self.case is not None and not self.case.resumes:
            self._before = None  # it is sent again
        await super().begin(socket_)

    def take(self, frame: Frame) -> None:
        if self.case is None or self.is_told:
            super().take(frame)
            return
        if frame[3] != "sync:update_batch":
            # A heartbeat would cover what is held back.
            if frame[3] != "sync:heartbeat" or self._before is None:
                super().take(frame)
            return
        before, self._before = self._before, deepcopy(frame)
        if before is None:
            if self.case.resumes:
                super().take(frame)
                raise ConnectionResetError("to be resumed")
            return
        instead = self.case.lie([before, frame])
        self.is_told = instead is not None
        for each in [before] if instead is None else instead:
            super().take(each)


def an_update_lost(frames: Sequence[Frame]) -> list[Frame] | None:
    if len(_updates(frames[0])) < 3:
        return None
    del _updates(frames[0])[1]
    return list(frames)


def a_frame_lost(frames: Sequence[Frame]) -> list[Frame]:
    return [frames[1]]


def an_update_repeated(frames: Sequence[Frame]) -> list[Frame]:
    updates = _updates(frames[0])
    updates.insert(1, updates[0])
    return list(frames)


def a_frame_repeated(frames: Sequence[Frame]) -> list[Frame]:
    return [frames[0], frames[1], frames[0]]


def two_updates_swapped(frames: Sequence[Frame]) -> list[Frame] | None:
    updates = _updates(frames[0])
    if len(updates) < 2:
        return None
    updates[:2] = reversed(updates[:2])
    return list(frames)


def two_frames_swapped(frames: Sequence[Frame]) -> list[Frame]:
    return [frames[1], frames[0]]


def another_payload(frames: Sequence[Frame]) -> list[Frame] | None:
    for update in _updates(frames[0]):
        if not update.get("deleted"):
            update["payload"] = {**update["payload"], "latest_seq": -1}
            return list(frames)
    return None


def another_version(frames: Sequence[Frame]) -> list[Frame]:
    _updates(frames[0])[0]["doc_version"] += 1
    return list(frames)


def another_document(frames: Sequence[Frame]) -> list[Frame]:
    _updates(frames[0])[0]["doc_key"] += "0"
    return list(frames)


def a_deletion_undone(frames: Sequence[Frame]) -> list[Frame] | None:
    for update in _updates(frames[0]):
        if update.get("deleted"):
            del update["deleted"]
            update |= {"payload": {}, "hydration_required": False}
            return list(frames)
    return None


def an_update_of_others(frames: Sequence[Frame]) -> list[Frame] | None:
    updates = _updates(frames[0])
    for place, (one, following) in enumerate(pairwise(updates)):
        if one["watermark"] + 1 < following["watermark"]:
            updates.insert(place + 1, {**one, "watermark": one["watermark"] + 1})
            return list(frames)
    return None


def everything_covered_too_soon(frames: Sequence[Frame]) -> list[Frame]:
    for entry in frames[0][4]["covered_watermarks"]:
        entry["watermark"] += 1_000_000
    return [frames[0]]


def covered_gone_back(frames: Sequence[Frame]) -> list[Frame]:
    behind = deepcopy(frames[0])
    behind[4]["updates"] = []
    for entry in behind[4]["covered_watermarks"]:
        entry["watermark"] -= 1
    return [frames[0], behind, frames[1]]


def resumed_too_late(frames: Sequence[Frame]) -> list[Frame]:
    return []


def resumed_too_early(frames: Sequence[Frame]) -> list[Frame]:
    return list(frames)


CASES = (
    Case(an_update_lost, "missing ["),
    Case(a_frame_lost, "missing ["),
    Case(an_update_repeated, "came after"),
    Case(a_frame_repeated, "was covered"),
    Case(two_updates_swapped, "came after"),
    Case(two_frames_swapped, "was covered"),
    Case(another_payload, "('writer 0/"),
    Case(another_version, "('writer 0/"),
    Case(another_document, "('writer 0/"),
    Case(a_deletion_undone, "('writer 0/"),
    Case(an_update_of_others, "too much ["),
    Case(everything_covered_too_soon, "missing ["),
    Case(covered_gone_back, "went back"),
    Case(resumed_too_late, "missing [", resumes=True),
    Case(resumed_too_early, "was covered", resumes=True),
)


def _updates(frame: Frame) -> list[dict[str, Any]]:
    updates: list[dict[str, Any]] = frame[4]["updates"]
    return updates
