"""Reading a relay's /metrics as Prometheus does."""

import asyncio
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.relay.relays import RunningRelay

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of a series; 0 when there is none, as for a counter not used yet."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def names(self) -> set[str]:
        return {name for name, _ in self.samples}


async def scrape(running: RunningRelay) -> Scrape:
    """What the relay says now."""
    url = running.addresses.metrics
    assert url is not None, "the relay was started without metrics_port"
    answer = await asyncio.to_thread(httpx.get, url, timeout=20, trust_env=False)
    assert answer.status_code == 200
    return Scrape(answer.text)
