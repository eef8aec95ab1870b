"""The names of metrics: documented, and by Prometheus' conventions."""

import re
from pathlib import Path

from prometheus_client import Metric

from khala_pg.relay.metrics import REASONS
from khala_pg.relay.monitoring import socket_log
from support.relay.metric_names import declared

DOCUMENT = Path(__file__).parents[3] / "docs" / "sync" / "METRICS.md"


def families() -> list[Metric]:
    """All families of a relay but the client library's own."""
    return [family for family, _ in declared() if not family.name.startswith("process_")]


def shown(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_each_is_documented_with_its_type_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| `(khala_\w+)` \| (\w+)", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    assert dict(rows) == {shown(family): family.type for family in families()}


def test_labels_are_documented() -> None:
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(
            r"^\| `(khala_\w+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE
        )
    }
    for family, labels in declared():
        if shown(family) in documented:
            assert documented[shown(family)] == labels, family.name


def test_every_reason_of_a_close_is_documented_and_there_from_the_start() -> None:
    [row] = re.findall(
        r"^\| `khala_connections_closed_total`.*$", DOCUMENT.read_text(), re.MULTILINE
    )
    told = set(re.findall(r"`(\w+)`", row)) - {"khala_connections_closed_total", "reason"}
    assert told == set(REASONS) >= {*socket_log._BY_CODE.values()}
    [family] = [each for each in families() if each.name == "khala_connections_closed"]
    assert {sample.labels["reason"] for sample in family.samples} == told


def test_each_says_what_it_is_in_its_name() -> None:
    for family in families():
        assert re.fullmatch(r"khala_[a-z0-9_]+", family.name)
        assert family.documentation
        assert not family.name.endswith(("_ms", "_minutes", "_kb"))
