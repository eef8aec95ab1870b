"""Every metric of a relay, as its code declares it."""

from prometheus_client import Metric

from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.gauges import GaugeCollector


def declared() -> list[tuple[Metric, set[str]]]:
    """All families, those without a value too, each with its labels."""
    metrics = Metrics()
    metrics.registry.register(GaugeCollector())
    # Collectors keep the label names that are declared; a family without samples has none.
    return [
        (family, set(getattr(family, "_labelnames", getattr(collector, "_labelnames", ()))))
        for collector in metrics.registry._collector_to_names
        for family in collector.collect()
    ]
