"""JSON lines: one a record, whatever is in it; and what is said too often."""

import json
import logging
import sys
import tracemalloc
from http import HTTPStatus

import pytest

from khala_pg.logs import HumanFormatter, JsonFormatter, Repeats, bounded
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.opening.handshake import HandshakeError
from khala_pg.relay.opening.refusal_log import RefusalLog


def test_a_record_is_one_line_with_its_fields_and_its_exception() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord(
            "khala.x", logging.WARNING, "x.py", 1, "a %s\nmessage", ("strange",), sys.exc_info()
        )
    record.fields = {"socket": "é 🙂", "code": None}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert line.isascii(), "standard error may be of any encoding"
    told = json.loads(line)
    assert told["message"] == "a strange\nmessage"
    assert (told["level"], told["logger"]) == ("warning", "khala.x")
    assert (told["socket"], told["code"]) == ("é 🙂", None)
    assert "ValueError: two\nlines" in told["exception"]
    assert told["time"].endswith("+00:00")


def test_the_same_is_counted_not_repeated() -> None:
    now = 0.0
    repeats = Repeats(60, lambda: now)

    def said(message: str, *values: object, level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("khala.x", level, "x.py", 1, message, values, None)
        return record.getMessage() if repeats.filter(record) else None

    assert [said("lost %s", "a") for _ in range(38)] == ["lost a", *[None] * 37]
    assert said("found %s", "a") == "found a"
    assert said("lost %s", "a", level=logging.ERROR) == "lost a"
    assert [said("heard", level=logging.INFO) for _ in range(2)] == ["heard"] * 2
    now = 60.0
    assert said("lost %s", "b") == "lost b (repeated 37 times in 60 s)"
    now = 120.0
    assert said("lost %s", "b") == "lost b"


def test_other_values_are_said_a_few_times() -> None:
    repeats = Repeats(60, lambda: 0.0)

    def passes(topic: str) -> bool:
        return repeats.filter(
            logging.LogRecord("khala.x", logging.ERROR, "x.py", 1, "lost %s", (topic,), None)
        )

    assert sum(passes(f"topic {number}") for number in range(1000)) == 5


def test_the_memory_of_messages_is_bounded() -> None:
    now = 0.0
    repeats = Repeats(60, lambda: now)
    tracemalloc.start()
    try:
        for number in range(20_000):
            repeats.filter(
                logging.LogRecord(
                    "khala.x", logging.ERROR, "x.py", 1, f"{number} " + "x" * 10_000, (), None
                )
            )
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_record_with_fields_is_an_event_of_its_own() -> None:
    repeats = Repeats(60, lambda: 0.0)
    record = logging.LogRecord("khala.x", logging.WARNING, "x.py", 1, "closed", (), None)
    record.fields = {"socket": "a"}
    assert [repeats.filter(record) for _ in range(3)] == [True] * 3


def test_nobody_writes_a_line_of_his_own() -> None:
    name = "me\n2026-01-01 00:00:00,000 ERROR   khala.relay: all is lost\x1b[2J"
    record = logging.LogRecord("khala.x", logging.INFO, "x.py", 1, "sub=%s é", (name,), None)
    line = HumanFormatter(worker=2).format(record)
    assert line.isprintable()
    assert "worker 2 khala.x: sub=me\\n2026" in line
    assert line.endswith("\\x1b[2J é")


def test_a_value_of_a_client_is_as_long_as_a_line_can_hold() -> None:
    assert bounded("x" * 200) == "x" * 200
    assert bounded("x" * 11_000) == "x" * 200 + "… (10800 characters more)"


def test_a_flood_of_refusals_is_not_one_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "khala.relay.sockets")
    now = 0.0
    metrics = Metrics()
    refusal_log = RefusalLog("no socket opened", metrics.refused, lambda: now)
    refusal = HandshakeError(HTTPStatus.FORBIDDEN, "forbidden_origin", "what a client made up")
    for _ in range(1000):
        refusal_log.refused("192.0.2.1", refusal)
    assert len(caplog.records) == 20
    now = 60.0
    refusal_log.refused("192.0.2.1", refusal)
    assert vars(caplog.records[-1])["fields"] == {
        "address": "192.0.2.1",
        "status": 403,
        "code": "forbidden_origin",
        "untold": 980,
    }
    assert "made up" not in caplog.text
    refused = metrics.registry.get_sample_value("khala_handshakes_refused_total", {"status": "403"})
    assert refused == 1001
