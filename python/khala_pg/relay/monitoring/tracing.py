"""Traces of writes that came with a trace context, exported after delivery.

Nothing here is on an update's way: a feed leaves a note of each page that it has written, and
beside it one page after the other is looked up in the database, one question at a time. A relay
that cannot keep up loses notes, never updates. Pages of catching up are not traced: they may come
days later, and as often as there are subscribers.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from khala_pg.errors import UnavailableError, UsageError
from khala_pg.relay.database.pool import Database
from khala_pg.sqlapi import telemetry as sqlapi

logger = logging.getLogger("khala.relay.tracing")

_MAX_NOTES = 1_000
_MAX_TRACES = 100


@dataclass(frozen=True, slots=True)
class DeliveredPage:
    """A page of a live feed that was just written to its readers.

    after, until: the watermark before its first and its last.
    updates: how many it has; readers: how many sockets took some of it.
    woken_by: what made the feed look, "notification", "poll" or "busy" (it was looking anyway).
    *_at_ns: nanoseconds since 1970, when the database was called, had responded, and when all was
    written.
    """

    topic: str
    encoding: str
    after: int
    until: int
    updates: int
    readers: int
    woken_by: str
    asked_at_ns: int
    answered_at_ns: int
    written_at_ns: int


class Spans(Protocol):
    """Exporter of traces."""

    def add(
        self, page: DeliveredPage, traces: Sequence[sqlapi.WriteTrace], known_at_ns: int
    ) -> None:
        """Tells what became of the writes of a page; their ages were true at known_at_ns."""

    def close(self) -> None:
        """Sends what is left, for a few seconds at most."""


class PageTracer:
    """Queue of delivered pages; `run` turns them into spans."""

    def __init__(self, database: Database, spans: Spans) -> None:
        self._database = database
        self._spans = spans
        self._notes: deque[DeliveredPage] = deque()
        self._noted = asyncio.Event()
        self._is_losing = False
        self._told = ""

    def delivered(self, page: DeliveredPage) -> None:
        """Notes a page; it is let go when too many wait."""
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(page)
            self._noted.set()
        elif not self._is_losing:
            self._is_losing = True
            logger.warning("pages come faster than they can be traced; some are not")

    async def run(self) -> None:
        """Traces what is noted, until it is cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            while self._notes:
                await self._trace(self._notes.popleft())
            self._is_losing = False

    async def finish(self, most_s: float) -> None:
        """Returns when everything noted has been traced, or after so many seconds."""
        deadline = time.monotonic() + most_s
        while self._notes and time.monotonic() < deadline:
            await self._trace(self._notes.popleft())

    async def _trace(self, page: DeliveredPage) -> None:
        try:
            asked_at_ns = time.time_ns()
            traces = await self._database.call(
                sqlapi.traces, page.topic, page.after, page.until, _MAX_TRACES
            )
            if traces:
                # The ages were computed between the request and the response.
                self._spans.add(page, traces, (asked_at_ns + time.time_ns()) // 2)
        except UnavailableError:
            return
        except Exception as error:
            # Most likely it is the same with every page.
            if str(error) != self._told:
                self._told = str(error)
                logger.exception("pages cannot be traced")


def spans_for(endpoint: str | None, environment: Mapping[str, str]) -> Spans | None:
    """The exporter of traces, by the option, else by OpenTelemetry's variables; None for neither.

    Raises UsageError when the option is given and is no URL, or the extra `otel` is not installed.
    Variables may be meant for other programs: what cannot be done for them is only logged.
    """
    if endpoint is not None and not _is_http_url(endpoint):
        raise UsageError(
            f"no collector can be at {endpoint!r}", "Write a URL, as in http://127.0.0.1:4318."
        )
    if not _is_asked_for(endpoint, environment):
        return None
    try:
        from khala_pg.relay.monitoring import otel
    except ImportError as missing:
        if endpoint is not None:
            raise UsageError(
                f"there is no OpenTelemetry to trace with: {missing}",
                "Install it: pip install 'khala-pg[otel]'.",
            ) from None
        logger.warning("OTEL_* ask for traces, but khala-pg[otel] is not installed: there are none")
        return None
    return otel.exporting(endpoint, environment)


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port is what finds one that is none.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_asked_for(endpoint: str | None, environment: Mapping[str, str]) -> bool:
    def value(name: str) -> str:
        return environment.get(name, "").strip().lower()

    if value("OTEL_SDK_DISABLED") == "true":
        return False
    if endpoint is not None:
        return True
    exporters = value("OTEL_TRACES_EXPORTER").split(",")
    located = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or value("OTEL_EXPORTER_OTLP_ENDPOINT")
    if "otlp" not in exporters and not (exporters == [""] and located):
        return False
    protocol = value("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or value("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in ("", "http/protobuf"):
        logger.warning("OTEL_* ask for traces by %s; http/protobuf is all there is", protocol)
        return False
    return True
