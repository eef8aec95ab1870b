"""The names of metrics: documented, and by Prometheus' conventions."""

import re
from pathlib import Path

from prometheus_client import Metric

from khala_pg.relay.census import CensusCollector
from khala_pg.relay.metrics import Metrics

DOCUMENT = Path(__file__).parents[3] / "docs" / "sync" / "METRICS.md"


def families() -> list[Metric]:
    """All families of a relay but the client library's own."""
    metrics = Metrics()
    metrics.registry.register(CensusCollector())
    return [each for each in metrics.registry.collect() if not each.name.startswith("process_")]


def shown(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_each_is_documented_with_its_type_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| `(khala_\w+)` \| (\w+)", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    assert dict(rows) == {shown(family): family.type for family in families()}


def test_labels_are_documented() -> None:
    metrics = Metrics()
    metrics.registry.register(CensusCollector())
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(
            r"^\| `(khala_\w+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE
        )
    }
    # The library keeps declared label names on the collectors only.
    for collector in metrics.registry._names_to_collectors.values():
        for family in collector.collect():
            labels = set(getattr(family, "_labelnames", getattr(collector, "_labelnames", ())))
            if shown(family) in documented:
                assert documented[shown(family)] == labels, family.name


def test_each_says_what_it_is_in_its_name() -> None:
    for family in families():
        assert re.fullmatch(r"khala_[a-z_]+", family.name)
        assert family.documentation
        assert not family.name.endswith(("_ms", "_minutes", "_kb"))
