"""Metrics of the calls of an API; docs/sync/METRICS.md describes each."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class CallMetrics:
    """Number and duration of calls, by function and code."""

    def __init__(self, registry: CollectorRegistry, name: str, api: str) -> None:
        """name: of the API, as in khala_<name>_calls. api: the same in words."""
        self._calls = Counter(
            f"khala_{name}_calls",
            f"Calls of {api}, by function and ok or the code of the error",
            ["function", "code"],
            registry=registry,
        )
        self._durations = Histogram(
            f"khala_{name}_call_duration_seconds",
            f"Calls of {api}, by function",
            ["function"],
            registry=registry,
        )

    def note(self, function: str, code: str, duration_s: float) -> None:
        """A call was answered. Only names that exist come here: a caller chooses no label."""
        self._calls.labels(function, code).inc()
        self._durations.labels(function).observe(duration_s)


def lightning_metrics(registry: CollectorRegistry) -> CallMetrics:
    return CallMetrics(registry, "lightning", "the Lightning control plane")


def page_metrics(registry: CollectorRegistry) -> CallMetrics:
    return CallMetrics(registry, "page", "the admin page's API")


def runtime_metrics(registry: CollectorRegistry) -> CallMetrics:
    return CallMetrics(registry, "runtime", "the API of runs and codex workers")
