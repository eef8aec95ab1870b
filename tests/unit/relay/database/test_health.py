"""One state out of many outcomes: a failure alone says nothing, and a change is said once."""

import logging

import pytest

from khala_pg.errors import ReadOnlyError, UnavailableError, UsageError
from khala_pg.relay.database.health import Health, State

AWAY = UnavailableError("the database cannot be reached: connection refused by db.internal")
STANDBY = ReadOnlyError("this server is a standby", "Connect to the primary.")
DENIED = UsageError("permission denied: relay is not a member of khala_relay", "GRANT …;")
DEAF = UnavailableError("a notification to itself was not heard within 5 s")


class Clock:
    """A health, and the time that it reads."""

    def __init__(self) -> None:
        self.now = 100.0
        self.served = 0
        self.health = Health(self.serve, lambda: self.now)

    def serve(self) -> None:
        self.served += 1

    def fails(self, error: UnavailableError | UsageError, seconds: float = 2.0) -> None:
        """No page can be replayed, for so long."""
        self.health.not_proven(error)
        self.now += seconds
        self.health.not_proven(error)


def shown_by(health: Health) -> str:
    """The state, as metrics show it."""
    return health.state.value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serving(clock: Clock, caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO, "khala.relay")
    clock.health.proven()
    clock.health.heard()
    caplog.clear()
    return clock


def test_it_serves_when_both_are_proven(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "khala.relay")
    health = clock.health
    assert (health.state, clock.served) == (State.CONNECTING, 0)
    assert "not been reached" in str(health.why_unready)
    health.proven()
    assert health.state is State.CONNECTING
    assert "heard" in str(health.why_unready)
    health.heard()
    assert (health.state, health.why_unready, clock.served) == (State.SERVING, None, 1)
    assert caplog.messages == ["the database responds and wake-ups are heard: ready"]


def test_what_was_heard_first_counts(clock: Clock) -> None:
    clock.health.not_proven(AWAY)
    clock.health.heard()
    clock.health.proven()
    assert clock.health.state is State.SERVING


def test_one_failure_changes_nothing(serving: Clock, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        serving.health.not_proven(AWAY)
        serving.health.not_heard(DEAF)
        serving.now += 0.5
        serving.health.proven()
        serving.health.heard()
        serving.now += 10
    assert serving.health.why_unready is None
    assert caplog.messages == []


def test_a_failure_after_a_long_time_is_one(serving: Clock) -> None:
    serving.now += 1000
    serving.health.not_proven(AWAY)
    assert serving.health.state is State.SERVING


def test_an_outage_is_said_once_and_names_nobody(
    serving: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("refused by db.internal", "the server is starting up", "refused"):
        serving.fails(UnavailableError(reason), 1.0)
    assert shown_by(serving.health) == "away"
    assert serving.health.why_unready == "the database cannot be reached"
    serving.health.proven()
    assert shown_by(serving.health) == "serving"
    assert caplog.messages == [
        "the database is away, trying again until it is back: refused by db.internal",
        "the database is back after 2 s: ready",
    ]


@pytest.mark.parametrize(
    ("error", "shown"), [(STANDBY, "standby"), (DENIED, "the relay's log says why")]
)
def test_a_database_that_answers_and_refuses(
    serving: Clock,
    caplog: pytest.LogCaptureFixture,
    error: UnavailableError | UsageError,
    shown: str,
) -> None:
    for _ in range(50):
        serving.fails(error)
    assert serving.health.state is State.DEGRADED
    assert shown in str(serving.health.why_unready)
    assert caplog.messages == [f"this relay cannot serve: {error}. {error.hint}"]
    assert caplog.records[0].levelno == logging.ERROR


def test_another_reason_is_news(serving: Clock, caplog: pytest.LogCaptureFixture) -> None:
    serving.fails(STANDBY)
    serving.fails(DENIED)
    serving.fails(AWAY)
    assert len(caplog.messages) == 3
    assert serving.health.state is State.AWAY


def test_what_is_not_heard(serving: Clock, caplog: pytest.LogCaptureFixture) -> None:
    serving.health.not_heard(DEAF)
    serving.now += 5
    serving.health.not_heard(DEAF)
    assert (serving.health.state, serving.health.hears) == (State.DEGRADED, False)
    assert "not heard" in str(serving.health.why_unready)
    serving.health.heard()
    assert serving.health.state is State.SERVING
    assert len(caplog.messages) == 2


def test_what_could_not_be_heard_of_a_database_that_was_away(
    serving: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    serving.health.not_heard(DEAF)
    serving.fails(AWAY)
    serving.health.not_heard(DEAF)
    serving.health.proven()
    serving.health.not_heard(DEAF)
    assert serving.health.state is State.CONNECTING
    serving.health.heard()
    assert [line.split(":")[0] for line in caplog.messages] == [
        "the database is away, trying again until it is back",
        "the database is back after 0 s",
    ]
