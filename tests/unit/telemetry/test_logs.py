"""JSON lines: one a record, whatever is in it; and what is said too often."""

import json
import logging
import sys

from khala_pg.logs import JsonFormatter, Seldom


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
