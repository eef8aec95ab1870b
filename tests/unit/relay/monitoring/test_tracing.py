"""Whether a relay traces: its option, OpenTelemetry's variables, and what is installed."""

import logging
import socket
import sys
import threading
import time

import pytest

from khala_pg.errors import UsageError
from khala_pg.relay.monitoring import otel
from khala_pg.relay.monitoring.tracing import DeliveredPage, spans_for
from khala_pg.sqlapi.telemetry import WriteTrace

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("endpoint", "variables", "traces"),
    [
        (None, {}, False),
        (None, {"OTEL_SERVICE_NAME": "mine"}, False),
        (None, HERE, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "console,otlp"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "console"}, False),
        (None, {**HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        (None, {**HERE, "OTEL_SDK_DISABLED": "true"}, False),
        (None, {**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        (None, {**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
        (None, {**HERE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, False),
        ("http://127.0.0.1:1", {}, True),
        ("http://127.0.0.1:1/", {"OTEL_TRACES_EXPORTER": "none"}, True),
        ("http://127.0.0.1:1", {"OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_when_there_are_traces(
    endpoint: str | None, variables: dict[str, str], traces: bool
) -> None:
    spans = spans_for(endpoint, variables)
    assert (spans is not None) == traces
    if spans is not None:
        spans.close()


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "opentelemetry" or name == "khala_pg.relay.monitoring.otel":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("khala_pg.relay.monitoring.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.usefixtures("nothing_installed")
def test_without_the_extra_an_option_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        spans_for("http://127.0.0.1:1", {})
    assert "khala-pg[otel]" in caught.value.hint


@pytest.mark.usefixtures("nothing_installed")
def test_without_the_extra_variables_are_told_to_be_in_vain(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    assert spans_for(None, HERE) is None
    assert "khala-pg[otel]" in caplog.text


def test_a_collector_that_does_not_answer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otel, "_CLOSE_S", 0.1)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        spans = spans_for(f"http://127.0.0.1:{port}", {})
        assert spans is not None
        now = time.time_ns()
        page = DeliveredPage("t", "json", 0, 1, 1, 1, "poll", now, now, now)
        trace = WriteTrace(f"00-{1:032x}-{1:016x}-01", 1, 1, 1, 0.5)
        spans.add(page, [trace], now)
        spans.close()
    assert "could not be sent" in caplog.text
    # The question in flight ends with its connection; it is not asked again.
    for left in set(threading.enumerate()) - before:
        left.join(30)
        assert not left.is_alive()
    assert "retrying" not in caplog.text


@pytest.mark.parametrize(
    "endpoint",
    ["", "collector:4318", "127.0.0.1:4318", "grpc://collector", "http://", "http://c:x"],
)
def test_an_endpoint_that_is_no_url_is_a_wrong_call(endpoint: str) -> None:
    with pytest.raises(UsageError, match="collector"):
        spans_for(endpoint, {})
