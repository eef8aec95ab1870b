"""Prometheus of a drill: it scrapes the relay every second, and gates are queries to it."""

import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from drills.shell import Service, running
from khala_pg.postgres import free_ports
from support.trials.waiting import until

_DOCS = Path(__file__).resolve().parents[2] / "docs"


class PrometheusMissingError(Exception):
    """There is no Prometheus to read gates from."""


class Prometheus:
    """Answers queries."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=10)

    async def read(self, query: str) -> float | None:
        """The value of a query that gives one, None where it gives nothing."""
        response = await self._http.get("/api/v1/query", params={"query": query})
        response.raise_for_status()
        found = response.json()["data"]["result"]
        assert len(found) <= 1, f"{query} gives {len(found)} values"
        value = float(found[0]["value"][1]) if found else float("nan")
        return None if value != value else value

    async def is_ready(self) -> bool:
        try:
            return (await self._http.get("/-/ready")).is_success
        except httpx.TransportError:
            return False

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def prometheus(
    targets: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[Prometheus]:
    """Scrapes the targets, with the alert rules of docs/. Raises PrometheusMissingError."""
    if shutil.which("prometheus") is None:
        raise PrometheusMissingError("no prometheus on PATH (apt-get install prometheus)")
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(_DOCS / "sync/alerts.yml")],
        "scrape_configs": [{"job_name": "khala", "static_configs": [{"targets": list(targets)}]}],
    }
    file = folder / "prometheus.json"  # JSON is YAML
    file.write_text(json.dumps(configuration))
    address = f"127.0.0.1:{free_ports.free_port()}"
    command = (
        f"prometheus --config.file={file} --storage.tsdb.path={folder / 'prometheus'}"
        f" --web.listen-address={address} --log.level=warn"
    )
    async with running(Service("prometheus", command, environment, folder / "prometheus.log")):
        client = Prometheus(f"http://{address}")
        try:
            await until(client.is_ready, "Prometheus is ready", 60)
            yield client
        finally:
            await client.close()
