"""Errors, as exceptions and as codes of the wire.

KhalaError                the caller can act on it; its hint says how
├── UsageError            a wrong option, file or setting
│   └── BadValueError     the database cannot read a value; in a server, a fault of this program
├── UnavailableError      the database or the relay cannot do it now; trying again may help
│   ├── ReadOnlyError     the database takes no writes now
│   └── InTheWayError     another transaction is in the way
└── RefusedError          a khala.* function refused the call; sqlstate says why
    └── StaleCursorError  the cursor cannot be used again; stale_topics says for which topics
"""

import json
import re
from typing import Any

import psycopg

# docs/reference/errors.md lists the codes. To a subscriber an unknown topic looks like one out of
# scope.
WIRE_CODES = {
    "KH001": "forbidden_topic",
    "KH002": "stale_cursor",
    "KH003": "stale_cursor",
    "KH004": "payload_too_large",
    "KH005": "bad_frame",
    "KH006": "forbidden_topic",
    "KH007": "bad_subscription",
    "KH008": "internal",
    "KH009": "internal",
    "KH010": "internal",
    "KH011": "internal",
    "KH012": "bad_frame",
    "KH020": "internal",
    "KH021": "internal",
    "KH022": "internal",
    "KH023": "internal",
    "KH024": "internal",
    "KH025": "internal",
}

# Classes of SQLSTATE after which the same call may work later: connection exceptions, insufficient
# resources, operator intervention, system errors.
_TRANSIENT_CLASSES = ("08", "53", "57", "58")
# Transaction rollback (a deadlock, a serialization failure), and a lock not to be had within
# lock_timeout: the same call may work at once.
_IN_THE_WAY = ("40", "55P03")
# A standby, or a server that is set to take no writes: it may take them again.
_READ_ONLY = "25006"

# Data exceptions; program limits: JSON that is nested too deeply, or too large for its type.
_BAD_VALUE = ("22", "54")
_TOO_DEEP = "54001"

# The user's request, or statement_timeout.
_CANCELED = "57014"

REACHABLE = (
    "Check host, port, database, user and password, and that PostgreSQL runs (`khala dev` runs "
    "one)."
)
NEEDS_ROLE = (
    "The login lacks a role: khala_dba administers, khala_runtime writes, khala_relay serves, and "
    "the owner of the database migrates. A superuser gives one: GRANT khala_dba TO login."
)
_INTERVAL = "Write an interval as PostgreSQL does: '2 days', or '12 hours'."
# PgBouncer's own error, of class 08.
_NO_CONNECTION = "query_wait_timeout"
FREE_CONNECTION = (
    "A pooler had no server connection free in time. Raise its pool_size (`khala migrate` needs two"
    " connections, a relay up to nine), or connect to PostgreSQL directly."
)
TAKES_WRITES = (
    "Connect to the primary if this is a standby; else see whether default_transaction_read_only "
    "is set for the login or the database."
)
LONGER_STATEMENTS = (
    "Try again; if it happens often, raise statement_timeout for the login or the database."
)

# What is missing is ours: a function or a table by its qualified name, or the schema itself.
_SCHEMA = "(khala|khala_internal|runtime|lightning)"
_OURS = re.compile(rf'\b{_SCHEMA}\.|"{_SCHEMA}"')


class KhalaError(Exception):
    """Base of the errors that a caller can act on. `hint` is the next step, or empty; a traceback
    shows it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(hint)


class UsageError(KhalaError):
    """A wrong option, file or setting."""


class BadValueError(UsageError):
    """The database cannot read a value: SQLSTATE classes 22 and 54."""


class UnavailableError(KhalaError):
    """The database or the relay cannot be reached now, or another transaction is in the way."""


class ReadOnlyError(UnavailableError):
    """The database takes no writes now: it is a standby, or set to be read-only."""


class InTheWayError(UnavailableError):
    """Another transaction is in the way: the same call may work at once."""


class RefusedError(KhalaError):
    """A khala.* function refused the call.

    `sqlstate` is of class KH (docs/reference/errors.md); `detail` is the DETAIL parsed as
    JSON, a string when it is not JSON, or None.
    """

    def __init__(self, message: str, hint: str, sqlstate: str, detail: Any) -> None:
        super().__init__(message, hint)
        self.sqlstate = sqlstate
        self.detail = detail

    @property
    def wire_code(self) -> str:
        """The error code on the wire."""
        return WIRE_CODES.get(self.sqlstate, "internal")

    @property
    def forbidden_topics(self) -> list[str]:
        """The topics that are refused; to a subscriber unknown ones are among them."""
        detail = self.detail if isinstance(self.detail, dict) else {}
        names = detail.get("forbidden_topics") or detail.get("unknown_topics") or []
        return sorted(map(str, names))


class StaleCursorError(RefusedError):
    """The cursor must never be used again: KH002 and KH003."""

    @property
    def stale_topics(self) -> list[dict[str, Any]]:
        """Entries {topic, resume_after, retention_floor, head_watermark, reason}."""
        return self.detail if isinstance(self.detail, list) else []


def from_psycopg(error: psycopg.Error) -> KhalaError | None:
    """The error as one of ours, or None when it is a fault of this program.

    An error without SQLSTATE is a lost or refused connection.
    """
    diag = error.diag
    return _ours(
        error.sqlstate,
        diag.message_primary or str(error),
        diag.message_hint or "",
        diag.message_detail,
        is_operational=isinstance(error, psycopg.OperationalError),
    )


def from_driver(error: BaseException) -> KhalaError | None:
    """As `from_psycopg`, for an error that another library (SQLAlchemy, Django) made of a driver's.

    The driver is psycopg, or one whose errors have the attributes of psycopg2's or asyncpg's.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.Error):
            return from_psycopg(cause)
        diag = getattr(cause, "diag", None)
        if diag is not None and hasattr(cause, "pgcode"):
            names = {each.__name__ for each in type(cause).__mro__}
            return _ours(
                cause.pgcode,
                diag.message_primary or str(cause),
                diag.message_hint or "",
                diag.message_detail,
                is_operational=not names.isdisjoint({"OperationalError", "InterfaceError"}),
            )
        sqlstate, message = getattr(cause, "sqlstate", None), getattr(cause, "message", None)
        if isinstance(sqlstate, str) and isinstance(message, str):
            hint, detail = getattr(cause, "hint", None), getattr(cause, "detail", None)
            return _ours(sqlstate, message, hint or "", detail, is_operational=True)
        cause = cause.__cause__
    # Without a word of the server SQLAlchemy knows it, and asyncpg has no code for it.
    if getattr(error, "connection_invalidated", False):
        reason = getattr(error, "orig", error)
        return UnavailableError(f"the database cannot be reached: {reason}", REACHABLE)
    return None


def _ours(
    sqlstate: str | None, primary: str, hint: str, detail: str | None, *, is_operational: bool
) -> KhalaError | None:
    if sqlstate is not None and sqlstate.startswith("KH"):
        parsed: Any = detail
        if detail is not None:
            try:
                parsed = json.loads(detail)
            except ValueError:
                parsed = detail
        kind = StaleCursorError if sqlstate in {"KH002", "KH003"} else RefusedError
        return kind(primary, hint, sqlstate, parsed)
    if sqlstate in {"3F000", "42883", "42P01"} and _OURS.search(primary):
        return UsageError(
            f"the database has no (or an older) Khala schema: {primary}",
            "Run `khala migrate` on it.",
        )
    if sqlstate is not None and sqlstate.startswith(_BAD_VALUE):
        hint = hint or (_INTERVAL if "interval" in primary else "")
        if sqlstate == _TOO_DEEP:
            hint = "Nest it less deeply."
        return BadValueError(f"the database cannot read a value: {primary}", hint)
    if sqlstate == "42501":
        return UsageError(primary, NEEDS_ROLE)
    if sqlstate == _READ_ONLY:
        return ReadOnlyError(f"the database takes no writes now: {primary.strip()}", TAKES_WRITES)
    if sqlstate == _CANCELED:
        return UnavailableError(f"the database ended the statement: {primary}", LONGER_STATEMENTS)
    if sqlstate is not None and sqlstate.startswith(_IN_THE_WAY):
        return InTheWayError(
            f"another transaction is in the way: {primary}", "What was not committed: try it again."
        )
    if is_operational and (sqlstate is None or sqlstate.startswith(_TRANSIENT_CLASSES)):
        hint = FREE_CONNECTION if _NO_CONNECTION in primary else REACHABLE
        return UnavailableError(f"the database cannot be reached: {primary.strip()}", hint)
    return None
