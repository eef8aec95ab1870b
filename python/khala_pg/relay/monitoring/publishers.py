"""Gauges and counters of publishers, as the database has them."""

from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from khala_pg.sqlapi.telemetry import PublisherTopic

_STATES = ("running", "resyncing", "down", "stopped", "paused")
# Names, descriptions, and the attributes that have the values.
_GAUGES = (
    ("left_updates", "Updates that are neither delivered nor set aside", "left"),
    ("retrying_updates", "Updates that failed and are tried again", "retrying"),
    ("oldest_age_seconds", "Age of the oldest that is not delivered; 0: none is", "oldest_age_s"),
    ("set_aside_updates", "Updates that were refused for good", "set_aside"),
)
_COUNTERS = (
    ("delivered", "Updates that were delivered", "delivered"),
    ("failed", "Tries that failed", "failed"),
    ("refused", "Updates that were set aside", "refused"),
    ("resyncs", "Snapshots that were begun, the first one included", "resyncs"),
    ("overtaken_updates", "Updates that retention purged before they were read", "overtaken"),
)


def publishers(found: Sequence[PublisherTopic]) -> Iterator[Metric]:
    """Every family, those without a value too."""
    text = "State of a publisher: 1 for the one it is in"
    states = GaugeMetricFamily("khala_publisher_state", text, labels=["publisher", "state"])
    # Topics of one publisher differ where a single one is resyncing.
    current = {each.publisher: each.state for each in sorted(found, key=_is_resyncing)}
    for name, state in current.items():
        for known in _STATES:
            states.add_metric([name, known], float(known == state))
    yield states
    labels = ["publisher", "topic"]
    for kind, families in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
        for name, text, attribute in families:
            family = kind(f"khala_publisher_{name}", text, labels=labels)
            for each in found:
                if each.topic is not None:
                    family.add_metric([each.publisher, each.topic], float(getattr(each, attribute)))
            yield family


def _is_resyncing(each: PublisherTopic) -> bool:
    return each.state == "resyncing"
