"""Calls of every command of `khala`, with what they need, and the commands of the parser."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from khala_pg.cli.main import COMMANDS, app

RUNTIME, RELAY, DBA, OWNER = "runtime", "relay", "dba", "owner"


@dataclass(frozen=True)
class Call:
    """Arguments after the command's words; `{…}` is filled in by the test.

    roles: whose login it works for; none: it needs no database. writes: to the database.
    until: what it says when it has done what it does before it runs on.
    survives: a database that it cannot use may not be its end.
    fails: it works nowhere that these calls run, and says why.
    own_words: its messages are another program's.
    """

    arguments: str = ""
    roles: frozenset[str] = frozenset()
    writes: bool = False
    until: str = ""
    survives: bool = False
    fails: bool = False
    own_words: bool = False


def _call(arguments: str = "", *roles: str, **more: Any) -> Call:
    return Call(arguments, frozenset(roles and (*roles, OWNER)), **more)


CALLS: dict[str, list[Call]] = {
    "dev": [
        _call(
            "--data-dir {scratch}/dev --ws-port 0 --http-port 0 --json",
            until='"ready"|Khala is up',
        )
    ],
    "run": [_call("--org acme --flush 0.1 --spool-dir {scratch} -- true", survives=True)],
    "worker": [
        _call(
            "--org acme --poll 0.1 wörker -- cat",
            RUNTIME,
            until="started|trying again",
            writes=True,
        )
    ],
    "tail": [
        _call(
            "runtime.notifications --ws ws://127.0.0.1:1/s --http http://127.0.0.1:1 --token x",
            until="disconnected|retrying|trying again",
        )
    ],
    # Switched off, as it is without its variable. With it: tests/integration/desktop.
    "desktop": [_call("--hidden", fails=True)],
    "topics": [_call("", DBA), _call("--json", DBA)],
    "topics add": [_call("tests.matrix", DBA, writes=True)],
    "topics set": [_call("runtime.notifications --horizon '8 days'", DBA, writes=True)],
    "topics writes": [_call("runtime.notifications direct", DBA)],
    "topics remove": [_call("tests.matrix --yes", DBA, writes=True)],
    # A table that nobody has: the real ones are in tests/integration/client/test_attach_command.py.
    "attach": [_call("public.nothing --key id --public", DBA, fails=True)],
    "attachments": [_call("", DBA), _call("--json", DBA), _call("--aside", DBA)],
    "detach": [_call("public.nothing", DBA, fails=True)],
    "stats": [
        _call("", DBA, RELAY),
        _call("--json", DBA, RELAY),
        _call(
            "--watch 0.1 --json",
            DBA,
            RELAY,
            until='"topic"|cannot be reached|no writes',
            survives=True,
        ),
    ],
    "top": [_call("--once", DBA, RELAY), _call("--once --json", DBA, RELAY)],
    "sink": [
        _call("lightning.settlements zoë '{{\"é\": 1}}' --public", RUNTIME, writes=True),
        _call("lightning.settlements gone --delete --json", RUNTIME, writes=True),
        _call("lightning.settlements --batch {documents} --public", RUNTIME, writes=True),
    ],
    "get": [
        _call("runtime.run_summaries runtime/run_summary:r1", RUNTIME, DBA),
        _call("runtime.run_summaries runtime/run_summary:r1 --json", RUNTIME, DBA),
    ],
    "query": [
        _call("runtime.run_summaries --where '$.status == \"running\"'", RUNTIME, DBA),
        _call("runtime.run_summaries --newest --json", RUNTIME, DBA),
    ],
    "token": [_call("--org acme --topic runtime.notifications --keyring {keyring}")],
    "key create": [_call("naïve --org acme --topic runtime.notifications", DBA, writes=True)],
    "key list": [_call("", DBA), _call("--json", DBA)],
    "key revoke": [_call("{key}", DBA, writes=True)],
    "revoke": [_call("--sub zoë --reason naïve", DBA, writes=True)],
    "revoke list": [_call("", DBA), _call("--json", DBA)],
    "page": [
        _call("--org zoë --url http://127.0.0.1:1", DBA, writes=True),
        _call("--url http://127.0.0.1:1 --json", DBA, writes=True),
        _call("--list", DBA),
        _call("--list --json", DBA),
        _call("--end all", DBA, writes=True),
    ],
    "flags": [_call("", DBA), _call("--json", DBA)],
    "flags set": [_call("web --lane khala --percent 5 --person zoë", DBA, writes=True)],
    "flags remove": [_call("web", DBA, writes=True)],
    "parity": [
        _call(
            "--url http://127.0.0.1:1 --interval 1",
            DBA,
            writes=True,
            until="compared|cannot be reached|no writes|statement timeout",
            survives=True,
        ),
        _call("--gates", DBA),
    ],
    "publish": [
        _call(
            "matrix --to webhook --url http://127.0.0.1:1 --topic runtime.notifications --once",
            OWNER,
            writes=True,
        ),
    ],
    "publishers": [_call("", DBA), _call("--json", DBA)],
    "publishers set": [
        _call("set --to convex --url http://127.0.0.1:1", DBA, writes=True),
        _call("set --topic runtime.notifications --target a:b", DBA, writes=True),
    ],
    "publishers pause": [_call("set", DBA, writes=True)],
    "publishers resume": [_call("set", DBA, writes=True)],
    "publishers aside": [_call("", DBA), _call("set --json", DBA)],
    "publishers retry": [_call("set", DBA, writes=True)],
    "publishers remove": [_call("set --yes", DBA, writes=True)],
    "keyring new": [_call("{scratch}/new.json"), _call("{scratch}/other.json --json")],
    "keyring rotate": [_call("{keyring}")],
    "keyring show": [_call("{keyring}")],
    "ingest": [_call("{events} --org acme", RUNTIME, writes=True)],
    "reproject": [
        _call("--all", RUNTIME, DBA, writes=True),
        _call("--run r1", RUNTIME, DBA, writes=True),
    ],
    "migrate": [
        _call("--status", OWNER, survives=True),
        _call("--dry-run", OWNER, survives=True),
        _call("--verify", OWNER),
        _call("", OWNER),
    ],
    "psql": [_call("-c 'SELECT 1'", RUNTIME, RELAY, DBA, survives=True, own_words=True)],
    "retain": [_call("", DBA, writes=True), _call("runtime.notifications --json", DBA)],
    "forget": [_call("runtime.notifications never --yes", DBA, writes=True)],
    # No run has ended, so nothing is written.
    "archive": [_call("--older-than '90 days'", DBA), _call("--older-than 1h --dry-run", DBA)],
    # No topic has a schema: what it writes is in tests/integration/cli/test_types.py.
    "types": [_call("--lang ts", DBA, fails=True), _call("--lang python", DBA, fails=True)],
    "sequence": [_call("", DBA, RUNTIME, RELAY)],
    "relay": [
        _call(
            "--keyring {keyring} --ws-port 0 --http-port 0 --json --log-level info",
            RELAY,
            until="listening|serving|cannot be reached|starting|ready",
            survives=True,
        )
    ],
    "lightning serve": [
        _call(
            "--port 0 --json",
            RELAY,
            until="serving",
            survives=True,
        )
    ],
    "lightning compile": [_call("--mode mock"), _call("--mode mock --json")],
    "lightning reconcile": [_call("--mode mock"), _call("--mode mock --json")],
    "lightning settlements ingest": [_call("{settled} --mode mock")],
    "lightning smoke compile": [_call("--mode mock")],
    "lightning smoke security": [_call("--mode mock")],
    "lightning smoke settlement": [_call("--mode mock")],
    "lightning smoke staging": [_call("--mode mock")],
    "lightning smoke observability": [_call("--mode mock")],
    "lightning smoke full-flow": [_call("--mode mock")],
    "completion": [_call("bash"), _call("fish")],
    "doctor": [_call("", OWNER, survives=True), _call("--json", OWNER, survives=True)],
}


def commands() -> Iterator[str]:
    """The words of every command that does something."""
    group: Any = typer.main.get_command(app)
    for name in COMMANDS:
        yield from _leaves(name, group.get_command(None, name))


def _leaves(words: str, command: Any) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None or command.invoke_without_command:
        yield words
    for name, one in (below or {}).items():
        yield from _leaves(f"{words} {name}", one)
