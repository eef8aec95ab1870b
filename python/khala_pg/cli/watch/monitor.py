"""Readers for `khala top` and `khala stats`: the database's telemetry, the metrics of relays."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from rich.text import Text

from khala_pg.cli.text import duration
from khala_pg.errors import UnavailableError, from_psycopg
from khala_pg.sqlapi.roles import DBA, connected
from khala_pg.sqlapi.telemetry import TELEMETRY, Telemetry, TopicTelemetry, parse_telemetry

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class RelayView:
    """One relay at one moment. lag_events: of each topic's furthest subscription.

    problem: why nothing else is known; None when it responded.
    """

    url: str
    problem: str | None = None
    ready: bool = False
    connections: int = 0
    live: int = 0
    catching_up: int = 0
    slow: int = 0
    lag_events: Mapping[str, int] | None = None


def read_database(conninfo: str) -> Telemetry:
    """The database's telemetry, read once. Raises KhalaError."""
    try:
        with (
            connected(conninfo, DBA, connect_timeout=round(_TIMEOUT_S)) as connection,
            connection.transaction(),
        ):
            # Only here: behind a pooler a session's setting would stay for others.
            connection.execute(f"SET LOCAL statement_timeout = '{_TIMEOUT_S:g}s'")
            row = connection.execute(TELEMETRY).fetchone()
    except psycopg.Error as error:
        raise (from_psycopg(error) or error) from error
    if row is None:
        raise UnavailableError("the database returned no telemetry", "Run `khala doctor`.")
    return parse_telemetry(row[0])


def oldest(topic: TopicTelemetry) -> Text:
    """The age of a topic's oldest event, marked when retention is overdue."""
    overdue = topic.overdue_s is not None and topic.overdue_s > 0
    return Text(duration(topic.oldest_age_s), "bold red" if overdue else "")


def read_relays(urls: Sequence[str]) -> list[RelayView]:
    """Each relay's metrics, read once; one that does not respond is shown as such."""
    if not urls:
        return []
    # At once: each that is gone takes its time.
    with ThreadPoolExecutor(len(urls)) as threads:
        return list(threads.map(_read_relay, urls))


def _read_relay(url: str) -> RelayView:
    try:
        response = httpx.get(url, timeout=_TIMEOUT_S, trust_env=False)
        response.raise_for_status()
        families = list(text_string_to_metric_families(response.text))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return RelayView(url, problem=str(error).partition("\n")[0] or type(error).__name__)
    values = {family.name: family.samples for family in families}
    states = {s.labels["state"]: int(s.value) for s in values.get("khala_subscriptions", [])}
    lags = values.get("khala_subscription_lag_events", [])

    def one(name: str) -> int:
        return sum(int(sample.value) for sample in values.get(name, []))

    return RelayView(
        url,
        ready=bool(one("khala_ready")),
        connections=one("khala_connections_active"),
        live=states.get("live", 0),
        catching_up=states.get("catching_up", 0),
        slow=states.get("slow", 0),
        lag_events={sample.labels["topic"]: int(sample.value) for sample in lags},
    )
