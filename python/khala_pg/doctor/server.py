"""Checks of the server: settings, epoch, notifications, transactions."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from khala_pg.doctor.finding import Finding, failed, ok, warned

Connection = psycopg.Connection[Any]

_OLD_TRANSACTION_S = 600


def check_takes_writes(connection: Connection) -> Iterator[Finding]:
    """Names where it is set that this login's transactions are read-only."""
    row = connection.execute(
        "SELECT s.source FROM pg_settings AS s "
        "WHERE s.name = 'default_transaction_read_only' AND s.setting = 'on'"
    ).fetchone()
    if row is not None:
        yield failed(
            "read-only",
            f"nothing can be written: default_transaction_read_only is on (set for: {row[0]})",
            "Reset it there: ALTER ROLE, ALTER DATABASE or ALTER SYSTEM … RESET "
            "default_transaction_read_only.",
        )


def check_settings(connection: Connection) -> Iterator[Finding]:
    def setting(name: str) -> str:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        return str(row[0]) if row is not None else ""

    fatal = {
        "autovacuum": "Turn it on: without it the sequence rows and the journal bloat.",
        "track_counts": "Turn it on: autovacuum does nothing without it.",
    }
    for name, advice in fatal.items():
        if setting(name) != "on":
            yield failed(name, f"{name} is {setting(name)}", advice)
    for name in ("fsync", "full_page_writes"):
        if setting(name) != "on":
            yield warned(
                name,
                f"{name} is off: a crash of the machine can corrupt the database",
                "Turn it on, except for tests.",
            )
    if setting("synchronous_commit") == "off":
        yield warned(
            "synchronous_commit",
            "off: a crash can lose commits whose updates clients were already sent",
            "Set it to on (or local) for the logins that sink, or start a new epoch with "
            "SELECT khala.new_epoch() after every crash.",
        )
    total = int(setting("max_connections"))
    used = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL")
    in_use = int((used.fetchone() or (0,))[0])
    if total < 25 or in_use > total * 0.8:
        yield warned(
            "max_connections",
            f"{in_use} of {total} connections are in use",
            "Raise max_connections, or give writers a pooler (never the relay's listener).",
        )
    else:
        yield ok("settings", f"fine; {in_use} of {total} connections in use")


def check_epoch(connection: Connection) -> Iterator[Finding]:
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute(
        "SELECT e.epoch, e.reason, e.fingerprint = khala.database_fingerprint() AS own "
        "FROM runtime.sync_epochs AS e ORDER BY e.epoch_number DESC LIMIT 1"
    ).fetchone()
    if row is None:
        yield failed("epoch", "no epoch was ever begun", "Run `khala migrate`.")
    elif not row["own"]:
        yield warned(
            "epoch",
            "the database was restored, copied or promoted since the epoch began",
            "SELECT khala.ensure_epoch(); a relay does so when it connects. Clients then "
            "resynchronise, which is right: watermarks may run again.",
        )
    else:
        yield ok("epoch", f"{row['epoch']} ({row['reason']})")


def check_notifications(connection: Connection) -> Iterator[Finding]:
    row = connection.execute("SELECT pg_notification_queue_usage()").fetchone()
    usage = float(row[0]) if row is not None else 0.0
    message = f"the notification queue is {usage:.0%} full"
    if usage < 0.1:
        yield ok("notification queue", message)
        return
    advice = (
        "A session that LISTENs sits in a long transaction and holds the queue back: find it with "
        "SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start, and end it. "
        "When the queue is full, every commit that notifies fails."
    )
    finding = failed if usage > 0.5 else warned
    yield finding("notification queue", message, advice)


def check_transactions(connection: Connection) -> Iterator[Finding]:
    row = connection.execute(
        "SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::bigint "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' "
        "AND xact_start < clock_timestamp() - make_interval(secs => %s) "
        "ORDER BY xact_start LIMIT 1",
        (_OLD_TRANSACTION_S,),
    ).fetchone()
    if row is None:
        yield ok("transactions", f"none is open for more than {_OLD_TRANSACTION_S // 60} minutes")
    else:
        yield warned(
            "transactions",
            f"process {row[0]} has a transaction open for {row[1] // 60} minutes",
            "It keeps dead rows alive and may hold a topic's sequence row: end it, or set "
            "idle_in_transaction_session_timeout.",
        )
