"""The log of a long-running command, for people or for programs."""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FORMATS = ("human", "json")
_QUIET_S = 60.0
_MAX_TEXTS = 5
# Messages are written in the code, which has fewer, but one may be made of values.
_MAX_MESSAGES = 500
_MAX_KEY = 200
_MAX_VALUE = 200


def bounded(text: str) -> str:
    """A value that a client chose, as long as a log line can hold it."""
    more = len(text) - _MAX_VALUE
    return text if more <= 0 else f"{text[:_MAX_VALUE]}… ({more} characters more)"


def one_line(text: str) -> str:
    """A foreign text without what breaks a line, moves a cursor, or cannot be stored in a database:
    such characters are escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


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
        # ASCII: the escapes of a standard error that is not UTF-8 are not JSON.
        return json.dumps(fields, default=str)


class HumanFormatter(logging.Formatter):
    """One line a record, whatever a client's name or message is made of; exceptions follow it."""

    def __init__(self, worker: int | None = None) -> None:
        """worker: said in every line, if there are several processes that log."""
        whose = "" if worker is None else f"worker {worker} "
        super().__init__(f"%(asctime)s %(levelname)-7s {whose}%(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return one_line(super().formatMessage(record))


class Repeats(logging.Filter):
    """Filter that says the same once in a while, and then how often it was: "… (repeated 37 times
    in 60 s)".

    The same: of one logger, level and message before its values are filled in. With other values it
    is said a few times more. Warnings and errors alone; a record with fields tells of an event of
    its own, and who logs it sees to it that there are not too many.
    """

    def __init__(
        self, seconds: float = _QUIET_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._now = now
        self._said: OrderedDict[tuple[str, int, str], _Said] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or hasattr(record, "fields"):
            return True
        now = self._now()
        key = (record.name, record.levelno, str(record.msg)[:_MAX_KEY])
        text = hash(record.getMessage())
        said = self._said.get(key)
        if said is not None and now - said.since < self._seconds:
            if text not in said.texts and len(said.texts) < _MAX_TEXTS:
                said.texts.add(text)
                return True
            said.more += 1
            return False
        if said is not None and said.more:
            record.msg = (
                f"{record.getMessage()} (repeated {said.more} times in {now - said.since:.0f} s)"
            )
            record.args = None
        self._said[key] = _Said(now, {text})
        self._said.move_to_end(key)
        if len(self._said) > _MAX_MESSAGES:
            self._said.popitem(last=False)
        return True


@dataclass(slots=True)
class _Said:
    """Record of one message: what was said since then, and how many more there were."""

    since: float
    texts: set[int]
    more: int = 0


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
    handler.addFilter(Repeats())
    # The relay's state says what the pool says of each connection.
    logging.getLogger("psycopg.pool").setLevel(max(level, logging.ERROR))
    # What uvicorn says the relay says.
    logging.getLogger("uvicorn").setLevel(max(level, logging.ERROR))
