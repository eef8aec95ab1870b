"""Dashboard and alert rules: what they ask for exists, and Prometheus understands it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest

from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.gauges import GaugeCollector, Gauges
from khala_pg.sqlapi.telemetry import ParityTelemetry, PublisherTopic, Telemetry, TopicTelemetry
from support.programs.missing import skip_without
from support.relay.metric_names import declared

SYNC = Path(__file__).parents[4] / "docs" / "sync"
RULES = SYNC / "alerts.yml"
DASHBOARD = SYNC / "dashboards" / "khala.json"
PUBLISHER = PublisherTopic(
    publisher="p",
    kind="webhook",
    url="http://hook.invalid",
    state="running",
    worker_pid=1,
    topic="t",
    target="document.updated",
    delete_target="document.deleted",
    cursor_watermark=1,
    head_watermark=1,
    unread=0,
    waiting=0,
    in_flight=1,
    retrying=1,
    oldest_age_s=1.5,
    set_aside=1,
    delivered=1,
    failed=1,
    refused=1,
    resyncs=1,
    resync_reason="new",
    resynced_at_s=1.5,
    overtaken=1,
    last_delivery_at_s=1.5,
    last_error_at_s=1.5,
    last_error="no",
)
# What Grafana puts in for its variables, as far as syntax goes.
GRAFANA = {"$__rate_interval": "5m", "$instance": ".*", "$topic": ".*"}


def series() -> set[str]:
    """Every name a query may use, of samples and not of families."""
    names = set()
    for family, _ in declared():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {family.name + ending for ending in endings.get(family.type, [""])}
    return names


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:khala|process)_[a-z0-9_]+\b", text))


def queries() -> Iterator[str]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def expressions_of_rules() -> list[str]:
    return re.findall(r"^\s+expr: (.*)$", RULES.read_text(), re.MULTILINE)


def promtool(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    found = shutil.which("promtool")
    if found is None:
        skip_without("no promtool (apt-get install prometheus)")
    return subprocess.run(
        [found, *arguments], input=text, capture_output=True, text=True, timeout=60
    )


def test_rules_and_their_tests_name_what_a_relay_shows() -> None:
    assert len(expressions_of_rules()) == RULES.read_text().count("- alert:")
    assert named("\n".join(expressions_of_rules())) - series() == set()
    inputs = re.findall(r"series: '([a-z0-9_]+)", (SYNC / "alerts_test.yml").read_text())
    assert set(inputs) - series() == set()


def test_the_dashboard_names_what_a_relay_shows() -> None:
    asked = named("\n".join(queries()))
    assert asked - series() == set()
    # Every family of ours is somewhere on it, or there is no reason to have it.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    ours = {re.sub(r"_(bucket|sum|count)$", "", n) for n in series() if n.startswith("khala_")}
    left_out = {
        "khala_listening",
        "khala_topic_armed",
        "khala_topic_journal_events",
        "khala_topic_last_purge_timestamp_seconds",
        "khala_topic_purges_total",
        "khala_topic_retention_floor",
        "khala_topic_retention_overdue_seconds",
    }
    assert ours - families == left_out


def test_queries_select_and_group_by_labels_that_are_there() -> None:
    # What Prometheus adds is in all of them.
    known = {family.name: {*labels, "instance", "job"} for family, labels in declared()}
    for query in (*queries(), *expressions_of_rules()):
        used = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named(query)}
        for name, selector in re.findall(r"\b((?:khala|process)_[a-z0-9_]+)\{([^}]*)\}", query):
            family = re.sub(r"_(total|bucket|sum|count)$", "", name)
            assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= known[family], query
        of_any = set[str]().union(*(known[name] for name in used))
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
            assert set(re.findall(r"\w+", group)) - {"le"} <= of_any, query


def test_panels_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(panels)


def test_each_alert_is_tested() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    text = (SYNC / "alerts_test.yml").read_text()
    fired = {
        block.split()[0] for block in re.split(r"alertname: ", text)[1:] if "exp_labels" in block
    }
    assert fired == alerts


def test_promtool_accepts_the_metrics() -> None:
    metrics = Metrics()
    collector = GaugeCollector()
    topic = TopicTelemetry("t", 1, 1, 1, 1, 1.0, 1.0, True, 1, 1.0, 1.0, 1.0, 1.0, 1, 1, 1)
    documents = [{"topic": "t", "reason": "none", "documents": 1}]
    parity = ParityTelemetry({"complete": 1}, documents, 0.0, 0.0, 0.0, 1.0)
    collector.gauges = Gauges(
        Telemetry(
            [topic], {"duplicate": 1}, {"run_summary": 1}, parity, [PUBLISHER], 1, 1.0, 1, 0.1
        ),
        subscriptions={"live": 1},
        fed={"t": 1},
        given={"t": 1},
    )
    metrics.registry.register(collector)
    metrics.delivered("t", 1.0)
    metrics.subscribed("ok")
    metrics.refused(403)
    metrics.answered("health", 200, 0.1)
    done = promtool("check", "metrics", text=generate_latest(metrics.registry).decode())
    # It says what is against the conventions, too.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_accepts_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_when_they_should() -> None:
    done = promtool("test", "rules", str(SYNC / "alerts_test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_parses_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = []
    for number, query in enumerate(queries()):
        if query.startswith("label_values("):
            continue
        for variable, value in GRAFANA.items():
            query = query.replace(variable, value)
        rules.append({"record": f"query:{number}", "expr": query})
    file = tmp_path / "queries.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
