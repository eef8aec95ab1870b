"""JSON lines: one a record, whatever is in it."""

import json
import logging
import sys

from khala_pg.logs import JsonFormatter


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
