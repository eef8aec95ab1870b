"""Traces of writers, continued by a real relay over a real database."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from khala_pg.relay.database.health import State
from khala_pg.relay.monitoring.otel import OtelSpans
from support.postgres.databases import Database
from support.relay.collector import collector
from support.relay.relay_process import relay_process
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    Peer,
    RunningRelay,
    Writer,
    ready_relay,
    running_relay,
    writer,
)
from support.trials.waiting import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "0af7651916cd43dd8448eb211c80319c"
SPAN = "00f067aa0ba902b7"
WRITE = ("khala.notify", "khala.replay", "khala.deliver")


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporting = InMemorySpanExporter()
    yield exporting
    exporting.shutdown()


@asynccontextmanager
async def tracing_relay(
    database: Database, exporter: InMemorySpanExporter
) -> AsyncIterator[RunningRelay]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with running_relay(database, spans=OtelSpans(provider, exporter)) as running:
        await ready_relay(running)
        yield running


async def set_trace(runtime: Writer, traceparent: str) -> None:
    await runtime.connection.execute(
        "SELECT set_config('khala.traceparent', %s, false)", [traceparent]
    )


async def subscribed(peer: Peer) -> None:
    await peer.subscribe(NOTES)
    await peer.event("sync:update_batch")


@dataclass(frozen=True)
class Told:
    """What a finished span says."""

    name: str
    trace: str
    span: str
    parent: str | None
    links: list[tuple[str, str]]
    start: int
    end: int
    attributes: dict[str, Any]


def told(span: ReadableSpan) -> Told:
    def identifiers(context: SpanContext) -> tuple[str, str]:
        return f"{context.trace_id:032x}", f"{context.span_id:016x}"

    context = span.get_span_context()
    assert context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    return Told(
        span.name,
        *identifiers(context),
        None if span.parent is None else identifiers(span.parent)[1],
        [identifiers(link.context) for link in span.links],
        span.start_time,
        span.end_time,
        dict(span.attributes or {}),
    )


async def spans_of(exporter: InMemorySpanExporter, count: int) -> list[Told]:
    await until(lambda: len(exporter.get_finished_spans()) >= count, "the spans", PATIENCE_S)
    return [told(span) for span in exporter.get_finished_spans()]


async def test_a_write_is_followed_to_its_readers(
    newest_database: Database, exporter: InMemorySpanExporter
) -> None:
    async with (
        tracing_relay(newest_database, exporter) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
        running.joined() as second,
    ):
        await subscribed(peer)
        await subscribed(second)
        await peer.updates_until(await runtime.sink("untraced"))
        await set_trace(runtime, f"00-{TRACE}-{SPAN}-01")
        watermark = await runtime.sink("secret-key", payload={"secret": 1}, org="org-a")
        await peer.updates_until(watermark)
        spans = await spans_of(exporter, 3)

    assert tuple(span.name for span in spans) == WRITE
    assert {(span.trace, span.parent) for span in spans} == {(TRACE, SPAN)}
    notify, replay, deliver = spans
    assert all(span.start <= span.end for span in spans)
    assert notify.start <= replay.end
    assert replay.end == deliver.start
    about = {
        "khala.topic": NOTES,
        "khala.encoding": "json",
        "khala.watermark.first": watermark,
        "khala.watermark.last": watermark,
        "khala.updates": 1,
    }
    assert notify.attributes["khala.woken_by"] in {"notification", "busy", "poll"}
    assert replay.attributes == {
        **about,
        "khala.page.after": watermark - 1,
        "khala.page.until": watermark,
        "khala.page.updates": 1,
        "khala.page.readers": 2,
    }
    assert deliver.attributes == {**about, "khala.page.readers": 2}
    assert not [span.links for span in spans if span.links]
    text = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert "secret" not in text
    assert "org-a" not in text
    assert running.token().split(".")[1] not in text


async def test_a_page_of_several_traces_links_them(
    newest_database: Database, exporter: InMemorySpanExporter
) -> None:
    async with (
        tracing_relay(newest_database, exporter) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await subscribed(peer)
        async with runtime.connection.transaction():
            await set_trace(runtime, f"00-{TRACE}-{SPAN}-01")
            await runtime.sink_many(3)
            await set_trace(runtime, f"00-{OTHER}-{SPAN}-01")
            await runtime.sink("other")
            await set_trace(runtime, "")
            await runtime.sink("none")
        await peer.updates_until(5)
        spans = await spans_of(exporter, 7)

    [page] = [span for span in spans if span.name == "khala.page"]
    assert page.parent is None
    assert page.links == [(TRACE, SPAN), (OTHER, SPAN)]
    assert page.attributes["khala.page.updates"] == 5
    assert page.attributes["khala.page.traces"] == 2
    for trace, first, last in ((TRACE, 1, 3), (OTHER, 4, 4)):
        of_trace = [span for span in spans if span.trace == trace]
        assert tuple(span.name for span in of_trace) == WRITE
        for span in of_trace:
            assert span.attributes["khala.watermark.first"] == first
            assert span.attributes["khala.watermark.last"] == last
            assert span.links == [(page.trace, page.span)]


async def test_what_is_no_trace_context_changes_nothing(
    newest_database: Database, exporter: InMemorySpanExporter
) -> None:
    async with (
        tracing_relay(newest_database, exporter) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await subscribed(peer)
        for number, hostile in enumerate(
            ("'; DROP SCHEMA runtime CASCADE; --", f"00-{TRACE}-{SPAN}-00", "00-" + "a" * 100_000)
        ):
            await set_trace(runtime, hostile)
            await peer.updates_until(await runtime.sink(f"d{number}"))
        await set_trace(runtime, f"00-{TRACE}-{SPAN}-01")
        await peer.updates_until(await runtime.sink("last"))
        spans = await spans_of(exporter, 3)
    assert {span.attributes["khala.watermark.first"] for span in spans} == {4}


async def test_delivery_does_not_need_what_tracing_needs(
    newest_database: Database, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "khala.relay.database")
    async with (
        tracing_relay(newest_database, exporter) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await runtime.connection.execute(
            "REVOKE ALL ON FUNCTION khala.traces(text, bigint, bigint, integer) FROM khala_relay"
        )
        await subscribed(peer)
        await set_trace(runtime, f"00-{TRACE}-{SPAN}-01")
        for number in range(3):
            await peer.updates_until(await runtime.sink(f"d{number}"))
        await until(lambda: "function traces" in caplog.text, "it is told", PATIENCE_S)
    assert exporter.get_finished_spans() == ()
    assert running.relay.health.state is State.SERVING


async def test_a_relay_sends_its_spans_to_a_collector(
    newest_database: Database, tmp_path: Path
) -> None:
    with collector() as found:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with relay_process(newest_database.relay_dsn, tmp_path, environment=variables) as relay:
            async with writer(newest_database) as runtime, Peer(relay.url("org-a")) as peer:
                await peer.join()
                await subscribed(peer)
                await set_trace(runtime, f"00-{TRACE}-{SPAN}-01")
                await peer.updates_until(await runtime.sink("first"))
                await until(lambda: len(found.spans) == 3, "three spans", PATIENCE_S)
                # The rest comes with the end.
                await peer.updates_until(await runtime.sink("second"))
                await peer.updates_until(await runtime.sink("third"))
            assert relay.terminate() == 0
    assert [span.name for span in found.spans] == [*WRITE] * 3
    assert {span.trace_id.hex() for span in found.spans} == {TRACE}
    assert {span.parent_span_id.hex() for span in found.spans} == {SPAN}
    assert found.resource["service.name"] == "khala-relay"
    assert set(found.resource) <= {
        "service.name",
        "service.instance.id",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    }
