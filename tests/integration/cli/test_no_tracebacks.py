"""Every command under everything that may be wrong around it: never a traceback, an exit status as
documented, a message with a next step."""

import json
import os
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.postgres.free_ports import free_port
from support.postgres.databases import Database, empty
from support.postgres.dumps import make_standby
from support.postgres.servers import Servers
from support.programs.cli_calls import CALLS, DBA, OWNER, RELAY, RUNTIME, Call, commands
from support.programs.forked_khala import PIPED, ForkedKhala, Streams, forked_khala

KEY = "matrix00key0"
NOBODY = "khala_test_nobody"
EVENT = {"entity": "run", "id": "r2", "seq": 1, "type": "run.started", "payload": {}}
MESSAGE = r"^(khala: |Usage: ).*\n.+"
HOSTILE = " ".join(
    f"-c {setting}"
    for setting in (
        "DateStyle=German",
        "IntervalStyle=sql_standard",
        "TimeZone=Asia/Kathmandu",
        "bytea_output=escape",
        "extra_float_digits=-15",
        "standard_conforming_strings=off",
        "default_transaction_isolation=serializable",
        "quote_all_identifiers=on",
        "search_path=pg_temp",
    )
)


@dataclass(frozen=True)
class Surroundings:
    """What is around a command.

    roles: whose work its login may do. usable: calls that need a database may work. must_work:
    calls that can work do. about_database: calls that need none are as ever.
    """

    dsn: str
    roles: frozenset[str] = frozenset((RUNTIME, RELAY, DBA, OWNER))
    usable: bool = True
    must_work: bool = True
    takes_writes: bool = True
    about_database: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    streams: Streams = PIPED

    def concerns(self, call: Call) -> bool:
        if call.until and self.streams.stdout != "pipe":
            return False
        return bool(call.roles) or not self.about_database

    def expects(self, call: Call) -> bool | None:
        """Whether the call works here; None: either, as long as it says so."""
        if call.own_words and self.streams.stdout == "closed":
            return None
        if call.fails:
            return False
        if not call.roles or call.survives:
            # Output that nobody takes is a failure of its own.
            return True if self.must_work else None
        if not self.usable or not call.roles & self.roles:
            return False
        if call.writes and not self.takes_writes:
            return False
        return True if self.must_work else None


@contextmanager
def _healthy(database: Database, servers: Servers) -> Iterator[Surroundings]:
    yield Surroundings(database.dsn, about_database=False)


@contextmanager
def _away(database: Database, servers: Servers) -> Iterator[Surroundings]:
    gone = psycopg.conninfo.make_conninfo(database.dsn, port=free_port())
    yield Surroundings(gone, usable=False, must_work=False)


@contextmanager
def _no_role(database: Database, servers: Servers) -> Iterator[Surroundings]:
    password = secrets.token_urlsafe(12)
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(NOBODY)))
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(NOBODY), sql.Literal(password)
            )
        )
    dsn = database.server.dsn(database.name, NOBODY, password)
    yield Surroundings(dsn, frozenset(), must_work=False)


@contextmanager
def _role_of_relays(database: Database, servers: Servers) -> Iterator[Surroundings]:
    yield Surroundings(database.relay_dsn, frozenset((RELAY,)), must_work=False)


@contextmanager
def _no_khala(database: Database, servers: Servers) -> Iterator[Surroundings]:
    with empty(database.server) as nothing:
        # As a login that cannot install it.
        dsn = database.server.dsn(
            nothing.name, "khala_test_dba", database.passwords["khala_test_dba"]
        )
        yield Surroundings(dsn, usable=False, must_work=False)


@contextmanager
def _older(database: Database, servers: Servers) -> Iterator[Surroundings]:
    with database.connect() as connection:
        connection.execute(
            "DO $$ DECLARE f record; BEGIN FOR f IN SELECT p.oid::regprocedure AS called"
            " FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
            " WHERE n.nspname = 'khala'"
            " LOOP EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', f.called); END LOOP; END $$"
        )
        connection.execute(
            "CREATE FUNCTION khala.schema_version() RETURNS integer LANGUAGE sql"
            " AS $$ SELECT 0 $$; DROP VIEW IF EXISTS khala.topic_stats CASCADE"
        )
    yield Surroundings(database.dba_dsn, usable=False, must_work=False)


@contextmanager
def _newer(database: Database, servers: Servers) -> Iterator[Surroundings]:
    with database.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION khala.schema_version() RETURNS integer LANGUAGE sql"
            " IMMUTABLE PARALLEL SAFE AS $$ SELECT 999999 $$"
        )
    yield Surroundings(database.dsn, must_work=False)


@contextmanager
def _read_only(database: Database, servers: Servers) -> Iterator[Surroundings]:
    options = {"PGOPTIONS": "-c default_transaction_read_only=on"}
    yield Surroundings(database.dsn, must_work=False, takes_writes=False, environment=options)


@contextmanager
def _standby(database: Database, servers: Servers) -> Iterator[Surroundings]:
    with make_standby(database.server, servers.new_home("standby") / "home") as standby:
        yield Surroundings(standby.dsn(database.name), must_work=False, takes_writes=False)


@contextmanager
def _hostile(database: Database, servers: Servers) -> Iterator[Surroundings]:
    settings = {"PGOPTIONS": HOSTILE, "PGCLIENTENCODING": "LATIN1"}
    yield Surroundings(database.dsn, about_database=False, environment=settings)


@contextmanager
def _no_time(database: Database, servers: Servers) -> Iterator[Surroundings]:
    settings = {"PGOPTIONS": "-c statement_timeout=1ms -c lock_timeout=1ms"}
    yield Surroundings(database.dsn, must_work=False, environment=settings)


@contextmanager
def _c_locale(database: Database, servers: Servers) -> Iterator[Surroundings]:
    # What makes the interpreter's locale is in its own environment: see `khala`.
    yield Surroundings(database.dsn, about_database=False, environment=C_LOCALE)


@contextmanager
def _closed_pipe(database: Database, servers: Servers) -> Iterator[Surroundings]:
    yield Surroundings(
        database.dsn, must_work=False, about_database=False, streams=Streams(stdout="unread")
    )


@contextmanager
def _no_terminal(database: Database, servers: Servers) -> Iterator[Surroundings]:
    yield Surroundings(database.dsn, about_database=False, streams=Streams("null", "null"))


@contextmanager
def _closed_streams(database: Database, servers: Servers) -> Iterator[Surroundings]:
    yield Surroundings(database.dsn, about_database=False, streams=Streams("closed", "closed"))


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
Condition = Callable[[Database, Servers], AbstractContextManager[Surroundings]]
CONDITIONS: dict[str, Condition] = {
    "healthy": _healthy,
    "database away": _away,
    "no role": _no_role,
    "role of relays": _role_of_relays,
    "no Khala": _no_khala,
    "older Khala": _older,
    "newer Khala": _newer,
    "read-only": _read_only,
    "standby": _standby,
    "hostile settings": _hostile,
    "no time for statements": _no_time,
    "C locale": _c_locale,
    "closed pipe": _closed_pipe,
    "no terminal": _no_terminal,
    "closed streams": _closed_streams,
}


def test_every_command_has_its_calls_here() -> None:
    assert set(CALLS) == set(commands())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_traceback(condition: str, newest_database: Database, servers: Servers) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            "SELECT khala.create_api_key(%s, sha256('x'), 'clé à molette', 'sub', 'acme',"
            " ARRAY['runtime.notifications'])",
            [KEY],
        )
        connection.execute("SELECT khala.append_run_event('r1', 'run.started', '{}', 'acme')")
        # The gates of a cutover are met, whatever few documents a call of this matrix cannot read.
        connection.execute(
            "INSERT INTO runtime.parity_cycle_totals (outcome, cycles) VALUES ('started', 1);"
            " INSERT INTO runtime.parity_cycles (cycle, finished_at, sampled)"
            " VALUES (1, now(), 2000);"
            " INSERT INTO runtime.parity_counts"
            " VALUES (1, 'runtime.run_summaries', 'none', 0, 1000),"
            " (1, 'runtime.codex_worker_summaries', 'none', 0, 1000)"
        )
    with CONDITIONS[condition](newest_database, servers) as surroundings:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KHALA_")},
            **surroundings.environment,
            "KHALA_DATABASE_URL": surroundings.dsn,
            "KHALA_PUBLISH_WEBHOOK_SECRET": "whsec_c2VjcmV0IG9mIHRoZSBtYXRyaXg=",
        }
        with forked_khala({**os.environ, **surroundings.environment}) as khala:
            faults = [
                f"khala {words} {call.arguments}: {fault}"
                for words, calls in CALLS.items()
                for call in filter(surroundings.concerns, calls)
                for fault in _faults(words, call, surroundings, khala, environment, servers)
            ]
    assert not faults, "\n".join(faults)


def _faults(
    words: str,
    call: Call,
    surroundings: Surroundings,
    khala: ForkedKhala,
    environment: Mapping[str, str],
    servers: Servers,
) -> Iterator[str]:
    scratch = servers.new_home("cli")
    ring, events = scratch / "keyring.json", scratch / "events.jsonl"
    keyring_file.save(keys.generate(), ring)
    events.write_text(json.dumps(EVENT) + "\n")
    settled = scratch / "settled.jsonl"
    settled.write_text('{"invoiceId": "i1", "status": "open"}\n')
    documents = scratch / "documents.jsonl"
    documents.write_text('{"doc_key": "é", "payload": {}}\n{"doc_key": "gone", "deleted": true}\n')
    places = {
        "scratch": scratch,
        "keyring": ring,
        "events": events,
        "settled": settled,
        "documents": documents,
        "key": KEY,
    }
    arguments = [*words.split(), *shlex.split(call.arguments.format_map(places))]
    done = khala(arguments, environment, scratch, until=call.until, streams=surroundings.streams)
    for word in ("Traceback", "Exception ignored"):
        if word in done.err + done.out:
            yield f"{word} in {done}"
    failed = done.status not in ((0, 130) if call.until else (0,))
    expected = surroundings.expects(call)
    if expected is failed:
        yield f"{'failed' if failed else 'worked'}: {done}"
    if failed and done.status not in (1, 2):
        yield f"another exit status: {done}"
    if failed and not call.own_words and surroundings.streams.stdout != "unread":
        on_output = call.survives and re.search(r"→|advice|pending|differs", done.out)
        if not on_output and not re.search(MESSAGE, done.err, re.MULTILINE):
            yield f"no message with a next step: {done}"
