"""Check that a notification of one connection reaches another that listens. Poolers break this."""

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from khala_pg.connections import connect
from khala_pg.conninfo import PRIMARY
from khala_pg.doctor.finding import Finding, failed, ok, warned
from khala_pg.sqlapi.relay_connection import POOLED

_ARRIVAL_S = 5.0
_POOLER_ADVICE = (
    "Give the relay a connection string of its own that reaches PostgreSQL directly, past the "
    "pooler: khala relay --listener-database."
)


def check_listen(database: str, listener_database: str) -> Iterator[Finding]:
    """Listens through one connection string, notifies through the other.

    The two ends use a channel of their own, so that no relay is woken.
    """
    try:
        with (
            connect(listener_database, connect_timeout=10) as listener,
            connect(database, connect_timeout=10) as notifier,
        ):
            yield _probe(listener, notifier)
    except psycopg.errors.ReadOnlySqlTransaction:
        yield failed("listen", "LISTEN does not work on a standby", PRIMARY)
    except psycopg.Error as error:
        yield failed(
            "listen",
            f"cannot listen: {str(error).strip()}",
            "Check the connection string of the relay's listener (--listener-database).",
        )


def _probe(listener: psycopg.Connection[Any], notifier: psycopg.Connection[Any]) -> Finding:
    channel = f"khala_doctor_{secrets.token_hex(8)}"
    pooled = listener.execute(POOLED, (listener.info.backend_pid,)).fetchone() == (True,)
    listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    kept = listener.execute(
        "SELECT %s IN (SELECT pg_listening_channels())", (channel,)
    ).fetchone() == (True,)
    notifier.execute("SELECT pg_notify(%s, '')", (channel,))
    arrived = any(True for _ in listener.notifies(timeout=_ARRIVAL_S, stop_after=1))
    # Behind a pooler the registration may have been left on a server connection of others.
    listener.execute(sql.SQL("UNLISTEN {}").format(sql.Identifier(channel)))
    if arrived and kept:
        if pooled:
            return warned(
                "listen",
                "a notification arrived, through a pooler; one in transaction mode loses some",
                _POOLER_ADVICE,
            )
        return ok("listen", "a notification arrived")
    if pooled:
        return failed(
            "listen",
            "a pooler stands between: LISTEN does not last beyond its transaction",
            _POOLER_ADVICE,
        )
    return failed(
        "listen",
        f"a notification did not arrive within {_ARRIVAL_S:.0f} s",
        "Do both connection strings lead to the same database of the same server? "
        "See pg_notification_queue_usage() for a queue that is held back.",
    )
