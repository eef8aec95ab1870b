"""The log of a long-running command, for people or for programs."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

FORMATS = ("human", "json")
_POOL_QUIET_S = 60.0


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what `extra={"fields": …}` holds."""

    def __init__(self, worker: int | None = None) -> None:
        """worker: said in every line, if there are several processes that log."""
        super().__init__()
        self._always = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._always,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class HumanFormatter(logging.Formatter):
    """One line a record, whatever a client's name or message is made of; exceptions follow it."""

    def __init__(self, worker: int | None = None) -> None:
        """worker: said in every line, if there are several processes that log."""
        whose = "" if worker is None else f"worker {worker} "
        super().__init__(f"%(asctime)s %(levelname)-7s {whose}%(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode()
            for character in super().formatMessage(record)
        )


class Seldom(logging.Filter):
    """Filter that passes each message of one logger once in a while, whatever its values."""

    def __init__(
        self, name: str, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._logger = name
        self._seconds = seconds
        self._now = now
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != self._logger:
            return True
        now = self._now()
        if now - self._said.get(str(record.msg), -self._seconds) < self._seconds:
            return False
        self._said[str(record.msg)] = now
        return True


def configure(level: int, form: str, worker: int | None = None) -> None:
    """Logs to standard error from that level on; `form` is one of FORMATS.

    worker: the number of this process, said in every line, if there are several that log.
    """
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonFormatter(worker))
    else:
        handler.setFormatter(HumanFormatter(worker))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The pool logs each failed attempt to connect; one line is enough.
    handler.addFilter(Seldom("psycopg.pool", _POOL_QUIET_S))
    logging.getLogger("psycopg.pool").setLevel(max(level, logging.WARNING))
    # What uvicorn says the relay says.
    logging.getLogger("uvicorn").setLevel(max(level, logging.ERROR))
