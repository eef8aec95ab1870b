#!/usr/bin/env python3
"""Write docs/reference/limits.md from the settings, the options of the relay and fixed limits.

scripts/limits_doc.py            write it
scripts/limits_doc.py --check    fail if it is out of date
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from khala_pg.auth import claims
from khala_pg.auth.issuer import MAX_TTL_S, MIN_TTL_S
from khala_pg.auth.jwks import JwksSettings
from khala_pg.cli.main import app
from khala_pg.client import topic
from khala_pg.http import bodies, tokens
from khala_pg.http.sync import operations
from khala_pg.limits import limits_of
from khala_pg.relay.opening import handshake, opening_protocol
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire import frames, requests

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reference" / "limits.md"

_INTRODUCTION = """\
# Limits and settings

<!-- Written by scripts/limits_doc.py (make limits): change the settings there, not here. -->

Every limit, interval and option of a relay. `khala relay --help` shows the same.
[A test](../../tests/integration/security/test_limits_table.py) goes up to each limit that a client
can meet, then one further.
"""

# Limits that are no settings: name, value, meaning, and what a client sees above it.
_FIXED: Sequence[tuple[str, int | float, str, str]] = (
    (
        "token",
        claims.MAX_TOKEN_BYTES,
        "bytes, wherever it is sent",
        "403 `unauthorized` of a socket, 401 `unauthorized` over HTTP",
    ),
    ("lifetime of a token", claims.MAX_LIFETIME_S, "seconds", "`unauthorized`"),
    (
        "difference of clocks",
        claims.LEEWAY_S,
        "seconds that `exp`, `nbf` and `iat` may be off; none for a live socket's `exp`",
        "`unauthorized`",
    ),
    ("headers of an opening request", opening_protocol.MAX_HEADERS, "", "431 `payload_too_large`"),
    ("parameters of a socket's URL", handshake.MAX_QUERY_FIELDS, "", "400 `bad_frame`"),
    ("reference of a frame", frames.MAX_REF_BYTES, "bytes", "push `bad_frame`"),
    ("nesting of a message", frames.MAX_NESTING, "levels", "push `bad_frame`"),
    ("name of a topic, epoch", requests.MAX_NAME_CHARACTERS, "characters", "`bad_subscription`"),
    ("keys of a filter", topic.MAX_KEYS, "keys of at most 512 characters", "`bad_subscription`"),
    ("`request_id`", requests.MAX_REQUEST_ID_CHARACTERS, "characters", "`bad_subscription`"),
    ("body of a token request", tokens.MAX_BODY_BYTES, "bytes", "413 `payload_too_large`"),
    ("time for that body", bodies.TIMEOUT_S, "seconds", "408 `invalid_request`"),
    ("`scopes` of a token request", operations.MAX_SCOPES, "topics", "422 `invalid_scope`"),
    ("least `expires_in`", MIN_TTL_S, "seconds", "422 `invalid_ttl`"),
    ("most `expires_in`", MAX_TTL_S, "seconds", "422 `invalid_ttl`"),
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def limit_rows(*, met: bool) -> Iterator[Sequence[str]]:
    """Settings that a client can meet, or the others."""
    for each in limits_of(RelaySettings):
        if bool(each.limit.seen) == met:
            row = [f"`{each.name}`", each.shown_default, each.unit, each.allowed]
            yield [*row, each.limit.meaning, *([each.limit.seen] if met else [])]


def option_rows() -> Iterator[Sequence[str]]:
    group: Any = typer.main.get_command(app)
    for option in group.get_command(None, "relay").params:
        variable = f"`{option.envvar}`" if getattr(option, "envvar", None) else ""
        default = option.default
        shown = "" if default is None or default is False or callable(default) else f"`{default}`"
        text = " ".join((option.help or "").replace("\\[", "[").split()).replace("|", "\\|")
        yield [", ".join(f"`{name}`" for name in option.opts), variable, shown, text]


def key_set_rows() -> Iterator[Sequence[str]]:
    for each in fields(JwksSettings):
        if isinstance(each.default, float):
            yield [f"`{each.name}`", f"{each.default:g}", "above 0"]


def document() -> str:
    lines = [
        _INTRODUCTION,
        "## What a client can meet\n",
        "`--limit NAME=NUMBER` of `khala relay` sets each; there is no variable for it.\n"
        "What is at a limit passes. With `--workers` each worker counts by itself.\n",
        *table(
            ("setting", "default", "unit", "allowed", "of", "above it, a client sees"),
            limit_rows(met=True),
        ),
        "## What cannot be set\n",
        *table(
            ("limit", "value", "unit", "beyond it, a client sees"),
            (
                [name, f"{value:g}" if value < 1e6 else f"{value:.0f}", unit, seen]
                for name, value, unit, seen in _FIXED
            ),
        ),
        "## Intervals and resources\n",
        "`--limit NAME=NUMBER` sets these too.\n",
        *table(("setting", "default", "unit", "allowed", "meaning"), limit_rows(met=False)),
        "## Options of the relay\n",
        *table(("option", "variable", "default", "meaning"), option_rows()),
        "## Key sets\n",
        "An entry of `jwks` in the keyring sets these, in seconds: "
        "[Secure it](../howto/secure.md).\n",
        *table(("setting", "default", "allowed"), key_set_rows()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    text = document()
    if sys.argv[1:] != ["--check"]:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text("utf-8") != text:
        sys.exit(f"{DOCUMENT} is out of date: run make limits")


if __name__ == "__main__":
    main()
