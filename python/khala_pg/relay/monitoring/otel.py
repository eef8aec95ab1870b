"""Spans by OpenTelemetry, from the extra `otel`; docs/sync/TRACING.md says what they are.

The SDK reads its own OTEL_* variables: where to send, sampling, resource, limits. Here it is only
decided whether there are traces at all.
"""

import logging
import threading
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from khala_pg import __version__
from khala_pg.relay.monitoring.tracing import DeliveredPage
from khala_pg.sqlapi import telemetry as sqlapi

logger = logging.getLogger("khala.relay.otel")

_CLOSE_S = 3.0

Attributes = Mapping[str, AttributeValue]


class OtelSpans:
    """Adds spans to the traces of writers; see tracing.Spans."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter) -> None:
        """provider: closed by `close`; it must not be closed by the end of the program.
        exporter: where it sends to."""
        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("khala.relay", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def add(
        self, page: DeliveredPage, traces: Sequence[sqlapi.WriteTrace], known_at_ns: int
    ) -> None:
        """Three spans for each trace, and one of the page with links when it carries several."""
        found = []
        for trace in traces:
            context = self._propagator.extract({"traceparent": trace.traceparent}, Context())
            writer = get_current_span(context).get_span_context()
            if writer.is_valid:
                found.append((trace, context, writer))
        links: list[Link] = []
        if len(found) > 1:
            whole = self._tracer.start_span(
                "khala.page",
                Context(),
                attributes={**_about(page), "khala.page.traces": len(found)},
                links=[Link(writer) for _, _, writer in found],
                start_time=page.asked_at_ns,
            )
            whole.end(page.written_at_ns)
            links = [Link(whole.get_span_context())]
        for trace, context, _ in found:
            # Where the estimate says that it was read before it was written, it is the estimate.
            written_at_ns = min(known_at_ns - round(trace.age_s * 1e9), page.answered_at_ns)
            for name, start_ns, end_ns, attributes in (
                (
                    "khala.notify",
                    written_at_ns,
                    # It may have been written after the question was sent.
                    max(written_at_ns, page.asked_at_ns),
                    {"khala.woken_by": page.woken_by},
                ),
                ("khala.replay", page.asked_at_ns, page.answered_at_ns, _about(page)),
                (
                    "khala.deliver",
                    page.answered_at_ns,
                    page.written_at_ns,
                    {"khala.page.readers": page.readers},
                ),
            ):
                self._tracer.start_span(
                    name,
                    context,
                    attributes={**_of(page, trace), **attributes},
                    links=links,
                    start_time=start_ns,
                ).end(end_ns)

    def close(self) -> None:
        """Sends what is left, for a few seconds at most."""
        # A collector that does not respond must not keep a relay from ending.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)
        if closing.is_alive():
            logger.warning("the last spans could not be sent in %g s", _CLOSE_S)
            # Else it goes on trying, in a thread of its own, where the program goes on.
            self._exporter.shutdown()


def exporting(endpoint: str | None, environment: Mapping[str, str]) -> OtelSpans:
    """Spans that go to a collector: the endpoint, else where OTEL_* say; OTLP over HTTP."""
    named = OTEL_SERVICE_NAME in environment or f"{SERVICE_NAME}=" in environment.get(
        OTEL_RESOURCE_ATTRIBUTES, ""
    )
    own = {} if named else {SERVICE_NAME: "khala-relay"}
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    url = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=url)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OtelSpans(provider, exporter)


def _about(page: DeliveredPage) -> Attributes:
    return {
        "khala.topic": page.topic,
        "khala.encoding": page.encoding,
        "khala.page.after": page.after,
        "khala.page.until": page.until,
        "khala.page.updates": page.updates,
        "khala.page.readers": page.readers,
    }


def _of(page: DeliveredPage, trace: sqlapi.WriteTrace) -> Attributes:
    return {
        "khala.topic": page.topic,
        "khala.encoding": page.encoding,
        "khala.watermark.first": trace.first_watermark,
        "khala.watermark.last": trace.last_watermark,
        "khala.updates": trace.updates,
    }
