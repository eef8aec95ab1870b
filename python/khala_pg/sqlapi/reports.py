"""Report of a relay. Role khala_relay."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from khala_pg.sqlapi.calls import Connection, scalar


@dataclass(frozen=True, slots=True)
class Report:
    """What a relay reports.

    subscribers: subscriptions by topic. behind: those that are not on the live feed.
    sent_bytes: since it started. lag: delivery lags since the report before, by topic and upper
    bound in seconds. stops: whether it stops now.
    """

    relay: str
    version: str
    uptime_s: float
    connections: int
    subscribers: Mapping[str, int]
    behind: int
    sent_bytes: int
    lag: Mapping[str, Mapping[str, int]]
    stops: bool


async def report_relay(connection: Connection, report: Report) -> float:
    """Report; seconds until the next one is due."""
    query = "SELECT khala.report_relay(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    values = (
        report.relay,
        report.version,
        report.uptime_s,
        report.connections,
        Jsonb(report.subscribers),
        report.behind,
        report.sent_bytes,
        Jsonb(report.lag),
        report.stops,
    )
    return float(await scalar(connection, query, *values))
