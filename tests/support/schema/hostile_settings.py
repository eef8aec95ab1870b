"""Settings that a session may have: the named ones alone, and all others many at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from support.schema.api_examples import EXAMPLES

_READ_ONLY = "25006"
_CANCELLED = "57014"
_INVALID = "KH007"
_BAD_CHARACTER = "22P05"

_READ_COMMITTED = frozenset(
    {"forget", "sequence", "set_topic_writes", "detach", "remove_attachment"}
)
_WRITING = frozenset({name for name, calls in EXAMPLES.items() if any(c.writes for c in calls)})

IMPOSTORS = Path(__file__).with_name("impostors.sql").read_text()


@dataclass(frozen=True)
class Variant:
    """Settings of a session.

    refusals: SQLSTATEs with which calls of `refusing` (None for any) may fail under them.
    """

    settings: Mapping[str, str]
    refusals: frozenset[str] = frozenset()
    refusing: frozenset[str] | None = None
    prepare: str = ""

    def allows(self, function: str, sqlstate: object) -> bool:
        return (
            isinstance(sqlstate, str)
            and sqlstate in self.refusals
            and (self.refusing is None or function in self.refusing)
        )

    def each(self) -> Iterator["Variant"]:
        """The settings one by one, if there are several."""
        if len(self.settings) > 1:
            for name, value in self.settings.items():
                yield Variant({name: value}, self.refusals, self.refusing, self.prepare)

    @property
    def name(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.settings.items())


def _one(name: str, value: str, *refusals: str) -> Variant:
    return Variant({name: value}, frozenset(refusals))


HIJACKED = Variant(
    {"search_path": "evil, pg_temp, pg_catalog"},
    prepare="SELECT evil.occupy_temporary_schema()",
)
# Many at a time: they concern different things. When something differs, each is tried alone.
_TOGETHER = (
    {
        "DateStyle": "German, DMY",
        "IntervalStyle": "sql_standard",
        "TimeZone": "Asia/Kathmandu",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
        "standard_conforming_strings": "off",
        "quote_all_identifiers": "on",
        "plpgsql.variable_conflict": "use_variable",
        "plan_cache_mode": "force_generic_plan",
        "max_stack_depth": "100kB",
    },
    {
        "DateStyle": "SQL, MDY",
        "IntervalStyle": "iso_8601",
        "TimeZone": "Europe/Berlin",
        "extra_float_digits": "0",
        "transform_null_equals": "on",
        "array_nulls": "off",
        "plpgsql.variable_conflict": "use_column",
        "plan_cache_mode": "force_custom_plan",
        "lock_timeout": "1ms",
    },
    {
        "DateStyle": "Postgres, YMD",
        "IntervalStyle": "postgres_verbose",
        "TimeZone": "America/St_Johns",
        "plpgsql.extra_errors": "all",
        "work_mem": "64kB",
    },
)
_NAMED = (
    *map(Variant, _TOGETHER),
    Variant({"standard_conforming_strings": "off", "backslash_quote": "off"}),
    # What it cannot show is refused.
    _one("client_encoding", "LATIN1", _BAD_CHARACTER),
    _one("client_encoding", "EUC_JP", _BAD_CHARACTER),
    _one("client_encoding", "GB18030"),
    # These must see what is committed, and say so.
    *(
        Variant(
            {"default_transaction_isolation": level},
            refusing=_READ_COMMITTED,
            refusals=frozenset({_INVALID}),
        )
        for level in ("repeatable read", "serializable")
    ),
    Variant({"default_transaction_read_only": "on"}, frozenset({_READ_ONLY}), _WRITING),
    _one("statement_timeout", "1ms", _CANCELLED),
    *(_one("session_replication_role", role) for role in ("replica", "local")),
    Variant({"search_path": ""}),
    HIJACKED,
)
_PARALLEL = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "min_parallel_index_scan_size": "0",
    "max_parallel_workers_per_gather": "2",
}

# Those above; those that end a session or a transaction, as they are meant to; and those whose only
# effect is a log that nobody reads.
_LEFT_OUT = {name for variant in _NAMED for name in variant.settings} | {
    *("exit_on_error", "idle_session_timeout", "idle_in_transaction_session_timeout"),
    *("transaction_timeout", "transaction_isolation", "transaction_read_only"),
    *("default_transaction_deferrable", "transaction_deferrable"),
    *("debug_print_parse", "debug_print_plan", "debug_print_rewritten", "client_min_messages"),
    *("trace_sort", "trace_notify"),
    # Compiling each plan takes minutes, and the same plan is compiled.
    *("jit", "jit_above_cost", "jit_inline_above_cost", "jit_optimize_above_cost"),
    *("debug_parallel_query", "force_parallel_mode", *_PARALLEL),
}
_AT_ONCE = 25
_GENERATED = """
SELECT name, vartype, setting, min_val, max_val, enumvals
FROM pg_settings WHERE context = 'user' AND vartype <> 'string' AND name <> ALL (%s)
ORDER BY category, name
"""


def variants(connection: psycopg.Connection[Any]) -> Iterator[Variant]:
    """The variants that a server knows: the named, and groups of all its other settings."""
    yield from _NAMED
    forced = (
        "debug_parallel_query"
        if connection.info.server_version >= 160000
        else "force_parallel_mode"
    )
    for mode in ("on", "regress"):
        yield Variant({**_PARALLEL, forced: mode})
    others: list[dict[str, str]] = [{}, {}]
    for name, kind, value, least, most, choices in connection.execute(
        _GENERATED, (sorted(_LEFT_OUT),)
    ):
        if kind == "bool":
            extremes = ["off" if value == "on" else "on"]
        elif kind == "enum":
            extremes = [choice for choice in choices if choice != value]
        else:
            extremes = [least, most]
        for nth, extreme in enumerate(extremes):
            others[nth % 2][name] = extreme
    for settings in others:
        names = list(settings)
        for start in range(0, len(names), _AT_ONCE):
            yield Variant(
                {"jit": "off", **{name: settings[name] for name in names[start : start + _AT_ONCE]}}
            )
