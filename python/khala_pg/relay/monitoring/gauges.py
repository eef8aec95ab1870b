"""Gauges of a relay, read at each scrape: sockets, subscriptions, topics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from khala_pg.relay.database.health import State
from khala_pg.relay.delivery.feeds import Feeds
from khala_pg.relay.monitoring.publishers import publishers
from khala_pg.relay.session import Session
from khala_pg.sqlapi.telemetry import ParityTelemetry, Telemetry

# Names, descriptions, and the attributes that have the values.
_TOPIC_GAUGES = (
    ("head_watermark", "Last watermark that was allocated", "head_watermark"),
    ("retention_floor", "Oldest watermark that is retained", "retention_floor"),
    ("journal_events", "Events between floor and head", "rows"),
    ("journal_bytes", "Bytes of their payloads, estimated", "bytes"),
    ("oldest_event_age_seconds", "Age of the event at the retention floor", "oldest_age_s"),
    ("retention_horizon_seconds", "Age at which events may go", "retention_horizon_s"),
    (
        "retention_overdue_seconds",
        "How far beyond the horizon the oldest event is; negative: not yet",
        "overdue_s",
    ),
    ("last_purge_timestamp_seconds", "When events were deleted last", "last_purge_at_s"),
    ("armed", "Whether a relay sleeps on the topic", "armed"),
    ("staged_writes", "Writes that wait to be sequenced", "staged_writes"),
    ("staged_age_seconds", "Age of the oldest of them", "staged_age_s"),
    (
        "set_aside_rows",
        "Rows of the attached table that cannot be documents, counted up to 10000",
        "set_aside_rows",
    ),
)
_TOPIC_COUNTERS = (
    ("purges", "Purges that deleted something", "purges"),
    ("purged_events", "Events that purges deleted", "purged_events"),
)
_DATABASE_GAUGES = (
    ("khala_allocation_waiting_writers", "Writers that wait for a topic", "waiting_writers"),
    (
        "khala_allocation_longest_wait_seconds",
        "How long the one that waits longest has waited",
        "longest_wait_s",
    ),
    ("khala_relays_listening", "Relays that listen to this database", "listeners"),
    (
        "khala_notification_queue_usage_ratio",
        "How full PostgreSQL's queue of notifications is",
        "notification_queue_usage",
    ),
)
_PARITY_GAUGES = (
    ("mismatch_ratio", "Share of mismatches of the last hour", "mismatch_rate"),
    ("max_drift", "Greatest drift of the last hour, in sequence numbers", "max_drift"),
    ("p95_drift", "Drift that 95 of 100 documents do not exceed", "p95_drift"),
    ("last_cycle_age_seconds", "Age of the last complete comparison", "last_cycle_age_s"),
)


@dataclass(frozen=True, slots=True)
class Gauges:
    """One relay at one moment.

    telemetry: what the database says; None when it cannot be reached.
    subscriptions: how many are live, catching_up or slow.
    fed: how far each topic's live feed has been pulled; given: the least that any subscription
    has been given of a topic.
    """

    telemetry: Telemetry | None = None
    state: State = State.CONNECTING
    ready: bool = False
    listening: bool = False
    connections: int = 0
    unsent_bytes: int = 0
    subscriptions: Mapping[str, int] = field(default_factory=dict)
    fed: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, int] = field(default_factory=dict)


def read(
    telemetry: Telemetry | None,
    sessions: Iterable[Session],
    feeds: Feeds,
    *,
    state: State,
    ready: bool,
    listening: bool,
) -> Gauges:
    """Counts. `telemetry` was requested before, so that a lag is never below what it says."""
    connections = unsent = 0
    states = Counter({"live": 0, "catching_up": 0, "slow": 0})
    given: dict[str, int] = {}
    for session in sessions:
        connections += 1
        unsent += session.connection.unsent_bytes
        for each in session.subscriptions:
            states[each.state] += 1
            given[each.topic] = min(each.covered, given.get(each.topic, each.covered))
    return Gauges(
        telemetry, state, ready, listening, connections, unsent, states, feeds.positions(), given
    )


class GaugeCollector(Collector):
    """Collector of the gauges read last."""

    def __init__(self) -> None:
        self.gauges = Gauges()

    def collect(self) -> Iterator[Metric]:
        """Every family, those without a value too."""
        # Once: another scrape may put in its own meanwhile.
        gauges = self.gauges
        telemetry = gauges.telemetry
        topics = [] if telemetry is None else telemetry.topics
        for name, text, value in (
            ("khala_ready", "Whether the relay should get traffic", gauges.ready),
            ("khala_listening", "Whether wake-ups are heard", gauges.listening),
            ("khala_database_up", "Whether the database responded", telemetry is not None),
            ("khala_connections_active", "Sockets that are open", gauges.connections),
            ("khala_unsent_bytes", "Bytes held for sockets", gauges.unsent_bytes),
        ):
            yield GaugeMetricFamily(name, text, value=float(value))
        text = "State of the way to the database: 1 for the one it is in"
        states = {state.value: float(state is gauges.state) for state in State}
        yield _family(GaugeMetricFamily, "khala_relay_state", text, states, "state")
        text = "Subscriptions, by state"
        yield _family(GaugeMetricFamily, "khala_subscriptions", text, gauges.subscriptions, "state")
        heads = {topic.topic: topic.head_watermark for topic in topics}
        for name, text, positions in (
            ("khala_feed_lag_events", "Events between the head and the live feed", gauges.fed),
            (
                "khala_subscription_lag_events",
                "Events between the head and the subscription that is furthest behind",
                gauges.given,
            ),
        ):
            # What was delivered since the head was read is no lag.
            lags = {t: max(0, heads[t] - at) for t, at in positions.items() if t in heads}
            yield _family(GaugeMetricFamily, name, text, lags)
        for kind, families in (
            (GaugeMetricFamily, _TOPIC_GAUGES),
            (CounterMetricFamily, _TOPIC_COUNTERS),
        ):
            for name, text, attribute in families:
                values = {each.topic: getattr(each, attribute) for each in topics}
                yield _family(kind, f"khala_topic_{name}", text, values)
        yield _family(
            CounterMetricFamily,
            "khala_sinks",
            "Sinks that met a version of their document, by outcome, since the server recovered",
            {} if telemetry is None else telemetry.sinks,
            "outcome",
        )
        # No counter: an entity that is rebuilt takes its part away.
        yield _family(
            GaugeMetricFamily,
            "khala_projection_drift",
            "Times the same history gave another summary, of entities not rebuilt since",
            {} if telemetry is None else telemetry.drift,
            "projection",
        )
        yield from _parity(None if telemetry is None else telemetry.parity)
        yield from publishers([] if telemetry is None else telemetry.publishers)
        for name, text, attribute in _DATABASE_GAUGES:
            family = GaugeMetricFamily(name, text)
            if telemetry is not None:
                family.add_metric([], getattr(telemetry, attribute))
            yield family


def _parity(parity: ParityTelemetry | None) -> Iterator[Metric]:
    text = "Comparisons with the legacy backend, by outcome"
    cycles = {} if parity is None else parity.cycles
    yield _family(CounterMetricFamily, "khala_parity_cycles", text, cycles, "outcome")
    documents = CounterMetricFamily(
        "khala_parity_documents",
        "Documents compared with the legacy backend, by verdict",
        labels=["topic", "reason"],
    )
    for each in () if parity is None else parity.documents:
        documents.add_metric([each["topic"], each["reason"]], each["documents"])
    yield documents
    for name, text, attribute in _PARITY_GAUGES:
        family = GaugeMetricFamily(f"khala_parity_{name}", text)
        value = None if parity is None else getattr(parity, attribute)
        if value is not None:
            family.add_metric([], float(value))
        yield family


def _family(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    values: Mapping[str, float | None],
    label: str = "topic",
) -> Metric:
    family = kind(name, text, labels=[label])
    for key, value in values.items():
        if value is not None:
            family.add_metric([key], float(value))
    return family
