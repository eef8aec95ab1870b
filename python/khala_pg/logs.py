"""The log of a long-running command, for people or for programs."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

FORMATS = ("human", "json")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what `extra={"fields": …}` holds."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def configure(level: int, form: str) -> None:
    """Logs to standard error from that level on; `form` is one of FORMATS."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The pool repeats what khala.relay.database says once; uvicorn says what the relay says.
    for name in ("psycopg.pool", "uvicorn"):
        logging.getLogger(name).setLevel(max(level, logging.ERROR))
