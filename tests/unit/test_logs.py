"""JSON lines: one a record, whatever is in it; and what is said too often."""

import json
import logging
import sys
from http import HTTPStatus

import pytest

from khala_pg.logs import HumanFormatter, JsonFormatter, Seldom
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
    record.fields = {"socket": "é", "code": None}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == "a strange\nmessage"
    assert (told["level"], told["logger"]) == ("warning", "khala.x")
    assert (told["socket"], told["code"]) == ("é", None)
    assert "ValueError: two\nlines" in told["exception"]
    assert told["time"].endswith("+00:00")


def test_a_logger_says_the_same_once_in_a_while() -> None:
    now = 0.0
    seldom = Seldom("pool", 60, lambda: now)

    def passes(name: str, message: str, what: int) -> bool:
        return seldom.filter(
            logging.LogRecord(name, logging.WARNING, "x.py", 1, message, (what,), None)
        )

    assert [passes("pool", "lost %s", n) for n in range(3)] == [True, False, False]
    assert passes("pool", "found %s", 0)
    assert [passes("others", "lost %s", n) for n in range(2)] == [True, True]
    now = 60.0
    assert [passes("pool", "lost %s", n) for n in range(2)] == [True, False]


def test_nobody_writes_a_line_of_his_own() -> None:
    name = "me\n2026-01-01 00:00:00,000 ERROR   khala.relay: all is lost\x1b[2J"
    record = logging.LogRecord("khala.x", logging.INFO, "x.py", 1, "sub=%s é", (name,), None)
    line = HumanFormatter(worker=2).format(record)
    assert line.isprintable()
    assert "worker 2 khala.x: sub=me\\n2026" in line
    assert line.endswith("\\x1b[2J é")


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
