"""Limits and delays: what is refused, and how back-off grows."""

from dataclasses import fields
from typing import Any

import psycopg
import pytest

from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import UsageError
from khala_pg.limits import limits_of
from khala_pg.relay.database.pool import conninfo_for
from khala_pg.relay.settings import RelaySettings


@pytest.mark.parametrize(
    "limits",
    [
        {"max_batch_updates": 0},
        {"max_batch_bytes": 0},
        {"max_topics": 0},
        {"pool_size": 1},
        {"heartbeat_interval_s": -1.0},
        {"idle_timeout_s": float("nan")},
        {"max_requests_per_second": 0.0},
        {"max_requests_per_second": float("nan")},
    ],
)
def test_limits_that_cannot_work_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        RelaySettings("", **limits)


def test_every_number_is_a_limit_with_a_range() -> None:
    numbers = {
        each.name
        for each in fields(RelaySettings)
        if isinstance(each.default, int | float) and not isinstance(each.default, bool)
    }
    limits = {each.name: each for each in limits_of(RelaySettings)}
    assert numbers - {"ws_port"} <= limits.keys()
    for name in numbers & limits.keys():
        least = limits[name].limit.least
        low = least if limits[name].limit.is_above else least - 1
        given: dict[str, Any] = {name: low}
        with pytest.raises(ValueError, match=f"^{name} is .* must be"):
            RelaySettings("", **given)


def test_backoff_doubles_up_to_its_bound_and_starts_anew() -> None:
    backoff = Backoff(0.25, 1.0)
    bounds = [0.25, 0.5, 1.0, 1.0, 1.0]
    for bound in bounds:
        assert 0 <= backoff.next_s() <= bound
    backoff.reset()
    assert backoff.next_s() <= 0.25


def test_the_connection_string_is_kept_and_added_to() -> None:
    settings = RelaySettings("host=a dbname=b options='-c geqo=off' connect_timeout=9")
    parts = psycopg.conninfo.conninfo_to_dict(conninfo_for(settings.database, settings))
    assert (parts["host"], parts["dbname"]) == ("a", "b")
    assert str(parts["connect_timeout"]) == "9"
    assert parts["options"] == "-c geqo=off"
    assert parts["application_name"] == "khala relay"


@pytest.mark.parametrize(
    "text",
    [
        "password=secret nonsense",
        "password=not secret",
        "host=x secret=1",
        "postgresql://me:secret@[::1",
        "postgresql://me:secret@[::1]x/app",
        "postgresql://me:se%cret@host/app",
        "postgresql://me:secret%00@host/app",
        "postgresql://me@host/app?secret=1",
    ],
)
def test_a_faulty_connection_string_is_not_repeated(text: str) -> None:
    settings = RelaySettings(text)
    with pytest.raises(UsageError, match="connection string") as caught:
        conninfo_for(settings.database, settings)
    assert "cret" not in str(caught.value)
