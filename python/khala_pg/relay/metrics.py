"""Counters and histograms of a relay; docs/sync/METRICS.md describes each.

Children are bound here, once: nothing is looked up by label where messages are delivered.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

from khala_pg.errors import RefusedError, UnavailableError
from khala_pg.http.call_metrics import lightning_metrics, page_metrics, runtime_metrics

_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CATCH_UP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

REASONS = (
    "client",
    "drained",
    "flood",
    "idle",
    "internal",
    "invalid_text",
    "lost",
    "other",
    "protocol_error",
    "too_big",
    "too_many_frames",
    "unauthorized",
    "unread",
)
"""Why sockets end. client: it said so; idle, unread: dropped by the keepalive; lost: no word."""


class Metrics:
    """The counters and histograms of one relay, and the registry that a scrape reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.opened = self._counter("khala_connections_opened", "Sockets that opened")
        self._closed = self._counter("khala_connections_closed", "Sockets that ended", "reason")
        for reason in REASONS:
            # A rate misses the step from nothing to 1.
            self._closed.labels(reason)
        self._refused = self._counter(
            "khala_handshakes_refused", "Opening requests that were refused", "status"
        )
        failed = self._counter(
            "khala_handshakes_failed",
            "Connections that ended before a response to the opening request",
            "reason",
        )
        self.turned_away, self.unasked = failed.labels("too_many"), failed.labels("no_request")
        self.unanswered = failed.labels("unanswered")
        self.reconnects = self._counter(
            "khala_reconnects",
            "Sockets whose first subscription went on from a watermark: clients that came back",
        )
        self._subscribes = self._counter(
            "khala_subscribes", "Requests to subscribe, by ok or the code of the error", "code"
        )
        heartbeats = self._counter("khala_heartbeats", "Heartbeats, by who sent them", "sender")
        self.client_heartbeats = heartbeats.labels("client")
        self.server_heartbeats = heartbeats.labels("server")
        self.heartbeat_timeouts = self._counter(
            "khala_heartbeat_timeouts", "Sockets that were dropped for want of a sign of life"
        )
        updates = self._counter(
            "khala_updates_sent", "Updates written to sockets, each socket counted", "path"
        )
        self._sent = sent = self._counter(
            "khala_update_bytes_sent", "Bytes of batches of updates written to sockets", "path"
        )
        self.live_updates, self.live_bytes = updates.labels("live"), sent.labels("live")
        self.replay_updates, self.replay_bytes = updates.labels("replay"), sent.labels("replay")
        self.replay_pages = self._counter("khala_replay_pages", "Pages given to one subscription")
        self.replay_reads = self._counter(
            "khala_replay_reads", "Pages that were read for subscriptions that were behind"
        )
        self.feed_pages = self._counter(
            "khala_feed_pages", "Pages with updates read for all subscriptions at the head"
        )
        self._replay_errors = self._counter(
            "khala_replay_errors", "Pages that could not be read, by code", "code"
        )
        self._lag = Histogram(
            "khala_delivery_lag_seconds",
            "From the write of an update to its being written to sockets, sampled",
            ["topic"],
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self.catch_up = Histogram(
            "khala_catch_up_duration_seconds",
            "From behind (subscribed, or too slow) to the live feed",
            buckets=_CATCH_UP_BUCKETS,
            registry=self.registry,
        )
        self.slow_episodes = self._counter(
            "khala_slow_consumer_episodes",
            "Times a subscription was taken off the live feed because its socket was full",
        )
        self.listens = self._counter(
            "khala_listen_connects", "Connections made to LISTEN; all but the first are reconnects"
        )
        self.lost_wake_ups = self._counter(
            "khala_lost_wakeups", "Slow polls that found updates without a notification"
        )
        self.sequenced = self._counter(
            "khala_sequenced_writes", "Staged writes of grouped topics that were sequenced here"
        )
        self.lost_runs = self._counter(
            "khala_lost_runs", "Runs whose heartbeats stopped that were marked as lost here"
        )
        self.stale_workers = self._counter(
            "khala_stale_workers", "Codex workers whose heartbeats were marked as stale here"
        )
        self.sequence_errors = self._counter(
            "khala_sequence_errors", "Batches of staged writes that could not be sequenced"
        )
        self.lightning = lightning_metrics(self.registry)
        self.runtime = runtime_metrics(self.registry)
        self.page = page_metrics(self.registry)
        self._requests = Histogram(
            "khala_http_request_duration_seconds",
            "HTTP requests, by endpoint and status",
            ["endpoint", "status"],
            registry=self.registry,
        )

    def closed(self, reason: str) -> None:
        """A socket ended; `reason` is one of REASONS."""
        self._closed.labels(reason).inc()

    def refused(self, status: int) -> None:
        """An opening request got a response with that HTTP status."""
        self._refused.labels(str(status)).inc()

    def subscribed(self, code: str) -> None:
        """A request to subscribe got its reply: ok, or an error's code on the wire."""
        self._subscribes.labels(code).inc()

    def replay_failed(self, error: Exception) -> None:
        """A page, of replay or of a feed, could not be read."""
        if isinstance(error, UnavailableError):
            code = "unavailable"
        else:
            code = error.wire_code if isinstance(error, RefusedError) else "internal"
        self._replay_errors.labels(code).inc()

    def delivered(self, topic: str, lag_s: float) -> None:
        """An update of the topic took that long."""
        self._lag.labels(topic).observe(lag_s)

    def deliveries(self) -> tuple[int, dict[str, dict[str, int]]]:
        """Bytes of updates sent, and sampled lags: number by topic and upper bound in seconds."""
        [sent], [lags] = self._sent.collect(), self._lag.collect()
        total = sum(each.value for each in sent.samples if each.name.endswith("_total"))
        counts: dict[str, dict[str, int]] = {}
        below: dict[str, int] = {}
        for each in lags.samples:
            if each.name.endswith("_bucket"):
                # Each bucket counts those below it too, and they come in order.
                topic, up_to = each.labels["topic"], int(each.value)
                number = up_to - below.get(topic, 0)
                below[topic] = up_to
                if number:
                    counts.setdefault(topic, {})[each.labels["le"]] = number
        return int(total), counts

    def answered(self, endpoint: str, status: int, duration_s: float) -> None:
        self._requests.labels(endpoint, str(status)).observe(duration_s)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
