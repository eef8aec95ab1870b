"""Which event is next."""

from datetime import UTC, datetime

import pytest

from khala_pg.runtime.outbox import Event, Outbox, Pace
from khala_pg.runtime.output import Progress

AT = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(progress=0.5, heartbeat=10)
QUIET = Progress()


def make() -> Outbox:
    return Outbox({"title": "t"}, AT, PACE)


def started(now: float = 0) -> Outbox:
    outbox = make()
    assert outbox.next_event(QUIET, now) is not None
    outbox.acknowledge(now)
    return outbox


def send(outbox: Outbox, progress: Progress, now: float) -> Event | None:
    event = outbox.next_event(progress, now)
    if event is not None:
        outbox.acknowledge(now)
    return event


def test_first_is_the_start() -> None:
    assert make().next_event(QUIET, 0) == Event(1, "run.started", {"title": "t"}, AT)


def test_an_unacknowledged_event_is_given_again_unchanged() -> None:
    outbox = started()
    event = outbox.next_event(Progress(1, 2, ("a",)), 5)
    assert event is not None
    assert outbox.next_event(Progress(9, 99, ("z",)), 500) is event
    outbox.finish("run.finished", {}, AT)
    assert outbox.next_event(Progress(9, 99, ("z",)), 501) is event


def test_progress_is_paced_and_coalesced() -> None:
    outbox = started()
    first = send(outbox, Progress(1, 10, ("a",)), 1.0)
    assert first is not None
    assert (first.seq, first.type) == (2, "run.progress")
    assert send(outbox, Progress(2, 20, ("b",)), 1.2) is None
    assert outbox.wait(Progress(2, 20, ("b",)), 1.2) == pytest.approx(0.3)
    second = send(outbox, Progress(3, 30, ("c",)), 1.5)
    assert second is not None
    assert second.payload == {"lines": 3, "bytes": 30, "last_line": "c", "last_lines": ["c"]}
    assert send(outbox, Progress(3, 30, ("c",)), 9.0) is None


def test_heartbeat_after_silence_only() -> None:
    outbox = started()
    assert outbox.wait(QUIET, 4) == 6
    assert send(outbox, QUIET, 9.9) is None
    beat = send(outbox, QUIET, 10)
    assert beat is not None
    assert beat.type == "run.heartbeat"
    assert outbox.wait(QUIET, 10) == 10


def test_finish_goes_before_progress_and_ends_it() -> None:
    outbox = started()
    outbox.finish("run.finished", {"exit_code": 0}, AT)
    assert outbox.wait(QUIET, 0) == 0
    event = outbox.next_event(Progress(5, 50, ("x",)), 0.1)
    assert event == Event(2, "run.finished", {"exit_code": 0}, AT)
    assert not outbox.done
    outbox.acknowledge(0.2)
    assert outbox.done
    assert outbox.next_event(Progress(6, 60, ("y",)), 99) is None
    assert outbox.unsent() == []


def test_unsent_are_the_unacknowledged_one_and_the_end() -> None:
    outbox = make()
    outbox.finish("run.finished", {"exit_code": 0}, AT)
    assert [(event.seq, event.type) for event in outbox.unsent()] == [
        (1, "run.started"),
        (2, "run.finished"),
    ]
    assert send(outbox, QUIET, 0) is not None
    assert [event.seq for event in outbox.unsent()] == [2]
    assert outbox.next_event(QUIET, 0) is not None
    assert [(event.seq, event.type) for event in outbox.unsent()] == [(2, "run.finished")]
