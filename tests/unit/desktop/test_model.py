"""What the desktop surface shows, and when it notifies."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from khala_pg.client import (
    Change,
    ChangeKind,
    ConnectionState,
    Document,
    Status,
    TopicPhase,
    TopicStatus,
    TransportError,
)
from khala_pg.desktop import model


def document(key: str, topic: str = model.RUNS, deleted: bool = False, **payload: Any) -> Document:
    return Document(topic, key, 1, 1, b"", deleted, None if deleted else payload)


def change(before: Document | None, now: Document | None) -> Change:
    some = now or before
    assert some is not None
    kind = ChangeKind.REMOVE if now is None or now.deleted else ChangeKind.PUT
    return Change(kind, some.topic, some.doc_key, now, before)


def run(status: str) -> Document:
    return document("runtime/run_summary:r", run_id="r", status=status, terminal_reason="why")


def worker(heartbeat: str, status: str = "running") -> Document:
    return document("w", model.WORKERS, worker_id="w", status=status, heartbeat_state=heartbeat)


@pytest.mark.parametrize(
    ("before", "now", "title"),
    [
        (run("running"), run("failed"), "Run failed: r"),
        (run("running"), run("lost"), "Run lost: r"),
        (run("lost"), run("failed"), "Run failed: r"),
        (None, run("failed"), "Run failed: r"),
        (document("k", deleted=True), run("failed"), "Run failed: r"),
        (run("failed"), run("failed"), None),
        (run("running"), run("succeeded"), None),
        (run("running"), document("k", deleted=True), None),
        (run("running"), None, None),
        (worker("fresh"), worker("stale"), "Worker stale: w"),
        (worker("fresh"), worker("failed", "failed"), "Worker failed: w"),
        (worker("stale"), worker("stale"), None),
        (worker("stale"), worker("fresh"), None),
        (worker("fresh"), worker("missing"), None),
        (None, document("global", model.SECURITY, status="failed"), None),
    ],
)
def test_when_it_notifies(before: Document | None, now: Document | None, title: str | None) -> None:
    notice = model.notice(change(before, now))
    assert (notice and notice.title) == title


def test_many_notices_become_one() -> None:
    notices = [model.Notice(f"Run failed: {n}", "", model.RUNS, str(n)) for n in range(12)]
    assert model.digest(notices[:3]) == notices[:3]
    [one] = model.digest(notices)
    assert one.title == "12 runs or workers need a look"
    assert one.doc_key is None


def test_rows_are_those_of_a_list() -> None:
    chance = random.Random(7)
    rows, kept = model.Rows(), list[model.Row]()
    for step in range(3000):
        key = f"k{chance.randrange(40)}"
        row = model.row(document(key, status=chance.choice(["running", "failed", "lost"])))
        there = [each.doc_key for each in kept]
        if key not in there:
            rows.add([row])
            kept.insert(0, row)
        elif chance.random() < 0.3:
            rows.remove(key)
            del kept[there.index(key)]
        else:
            rows.replace(row)
            kept[there.index(key)] = row
        if step % 50 == 0:
            assert [rows[place] for place in range(len(rows))] == kept
            assert [rows.position(each.doc_key) for each in kept] == list(range(len(kept)))
            counts = Counter(each.status for each in kept)
            said = rows.counts().split(", ") if kept else []
            assert sorted(said) == sorted(f"{count} {state}" for state, count in counts.items())
    rows.clear()
    assert (len(rows), rows.counts()) == (0, "none")


def test_payloads_of_any_shape_have_a_row() -> None:
    row = model.row(document("runtime/run_summary:x", status=7, title=None, progress=[1]))
    assert (row.name, row.status, row.activity) == ("x", "unknown", "")
    row = model.row(document("k", progress={"last_line": "42 %"}, latest_event_type="run.progress"))
    assert (row.name, row.activity) == ("k", "42 %")


def test_times_are_on_the_users_clock() -> None:
    now = datetime(2026, 11, 30, 15, 0, tzinfo=timezone(timedelta(hours=1)))
    assert model.local_time("2026-11-30T12:00:00.000000Z", now) == "13:00:00"
    assert model.local_time("2026-11-29T23:30:00Z", now) == "00:30:00"
    assert model.local_time("2026-11-29T22:30:00Z", now) == "2026-11-29 23:30"
    assert model.local_time("soon", now.astimezone(UTC)) == ""


def status(state: ConnectionState, phase: TopicPhase, **more: Any) -> Status:
    topics = {model.RUNS: TopicStatus(phase, 5, 9), model.WORKERS: TopicStatus(phase, 2, 2)}
    return Status(state, topics=MappingProxyType(topics), **more)


@pytest.mark.parametrize(
    ("state", "phase", "more", "words", "detail"),
    [
        (ConnectionState.CONNECTED, TopicPhase.LIVE, {}, "Live", ""),
        (ConnectionState.CONNECTED, TopicPhase.CATCHING_UP, {}, "Catching up", ""),
        (ConnectionState.CONNECTING, TopicPhase.IDLE, {}, "Connecting", ""),
        (
            ConnectionState.DISCONNECTED,
            TopicPhase.IDLE,
            {"retry_in": 2.0, "error": TransportError("it is\naway")},
            "Offline",
            "it is away; tries again within 2 s",
        ),
        (
            ConnectionState.NEEDS_AUTH,
            TopicPhase.IDLE,
            {},
            "Signed out",
            "The relay refuses the token.",
        ),
    ],
)
def test_the_connection_in_words(
    state: ConnectionState, phase: TopicPhase, more: dict[str, Any], words: str, detail: str
) -> None:
    found = model.connection(status(state, phase, **more), "khala", None)
    # Nobody knows what the relay has meanwhile.
    lag = 4 if state is ConnectionState.CONNECTED else None
    assert (found.words, found.detail, found.lag) == (words, detail, lag)


def test_a_failure_and_the_flag_come_first() -> None:
    live = status(ConnectionState.CONNECTED, TopicPhase.LIVE)
    assert model.connection(live, "legacy", None).words == "Switched off"
    assert model.connection(live, "legacy", RuntimeError()).detail == "RuntimeError"
    assert model.connection(Status(), "khala", None).lag is None


def test_what_is_not_known_is_not_called_none() -> None:
    rows = model.Rows()
    topics = {model.RUNS: TopicStatus()}
    assert model.counts(rows, Status(topics=topics), model.RUNS) == "unknown"
    assert model.counts(rows, Status(topics=topics), model.WORKERS) == "the token is not for them"
    assert model.counts(rows, Status(), model.WORKERS) == "unknown"
    live = status(ConnectionState.CONNECTED, TopicPhase.LIVE)
    assert model.counts(rows, live, model.RUNS) == "none"
    assert model.is_known(live, model.RUNS)
    rows.add([model.row(document("k", status="lost"))])
    assert model.counts(rows, Status(topics=topics), model.RUNS) == "1 lost"


def test_the_pause() -> None:
    def security(key: str, **payload: Any) -> Document:
        return document(key, model.SECURITY, **payload)

    assert model.pause([]) == ("no switch is set", "plain")
    assert model.pause([security("global", globalPause=False)]) == ("not paused", "good")
    stopped = security("owner/bob", ownerId="bob", killSwitch=True)
    operators = security("operators/owner/bob", ownerId="bob", killSwitch=True)
    assert model.pause([stopped, operators]) == ("stopped by kill switch: bob", "bad")
    paused = security("global", globalPause=True, denyReason="The node is being moved.")
    assert model.pause([stopped, paused]) == ("paused: The node is being moved.", "bad")
