"""Metrics of the control plane's calls; docs/sync/METRICS.md describes each."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class LightningMetrics:
    """Number and duration of calls, by function and code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "khala_lightning_calls",
            "Calls of the Lightning control plane, by function and ok or the code of the error",
            ["function", "code"],
            registry=registry,
        )
        self._durations = Histogram(
            "khala_lightning_call_duration_seconds",
            "Calls of the Lightning control plane, by function",
            ["function"],
            registry=registry,
        )

    def note(self, function: str, code: str, duration_s: float) -> None:
        """A call was answered. Only names that exist come here: a caller chooses no label."""
        self._calls.labels(function, code).inc()
        self._durations.labels(function).observe(duration_s)
