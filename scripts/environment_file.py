#!/usr/bin/env python3
"""Write deploy/khala.env, which lists every variable that Khala reads, from the code.

scripts/environment_file.py          write it
scripts/environment_file.py -        print it
"""

import sys
import textwrap
from pathlib import Path
from typing import Any

import typer

from khala_pg.cli.main import app
from khala_pg.cli.serving import relay
from khala_pg.lightning.environment import SECRET
from khala_pg.limits import limits_of
from khala_pg.relay.settings import RelaySettings

FILE = Path(__file__).resolve().parents[1] / "deploy" / "khala.env"
HEADER = """\
# Every variable that Khala reads. scripts/environment_file.py writes this file from the code.
#
# For systemd: /etc/khala/relay.env. For Docker: --env-file. Set what is not a comment, and
# uncomment what you change; the value that stands there is the default. Mode 0600: it has secrets.

# The relay
# ---------

# Connection string of a login in role khala_relay.
KHALA_DATABASE_URL=postgresql://relay:PASSWORD@127.0.0.1/app

# File of the keys that tokens are signed with: khala keyring new FILE
KHALA_KEYRING=/etc/khala/keyring.json
"""
OTHERS = {
    "KHALA_WS_URL": "The relay's WebSocket address, for khala tail and khala desktop.",
    "KHALA_HTTP_URL": "The relay's HTTP address, for the same, khala page and khala token.",
    "KHALA_TOKEN": "A token, for the same.",
    "KHALA_API_KEY": "An API key, for khala desktop.",
    "KHALA_ORG": "Organisation that owns what khala run, khala worker and khala ingest write.",
    "KHALA_SPOOL_DIR": "Where khala run keeps what it could not record.",
    "KHALA_DEV_FILE": "dev.json of a khala dev in another directory.",
    "KHALA_PUBLISH_ADMIN_KEY": "Admin key of a legacy backend, for khala publish and khala parity.",
    "KHALA_PUBLISH_TOKEN": "Token of one, for the same.",
    "KHALA_PUBLISH_WEBHOOK_SECRET": "Secret that webhooks are signed with, for khala publish.",
}


def options() -> list[Any]:
    """The options of `khala relay` that variables set."""
    command: Any = typer.main.get_command(app)
    return [
        each
        for each in command.get_command(None, "relay").params
        if each.envvar or each.allow_from_autoenv
    ]


def variable(option: Any) -> str:
    """The variable that sets an option."""
    return str(option.envvar or f"{relay.VARIABLES}_{option.name.upper()}")


def entry(name: str, meaning: str, default: object = "") -> str:
    """A variable's lines, the last of which only has to be uncommented."""
    value = "" if default is None else str(default).lower() if default is False else default
    return f"\n{comment(meaning)}\n#{name}={value}\n"


def comment(text: str) -> str:
    return textwrap.fill(
        text, 98, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def content() -> str:
    """The file."""
    found = [HEADER]
    for option in options():
        meaning = option.help.replace("\\[", "[").replace("may be repeated", "separated by spaces")
        if option.name == "limit":
            meaning = (
                "Limits and intervals, NAME=NUMBER, separated by spaces. Those that there are:"
            )
        found.append(entry(variable(option), meaning, option.default))
        if option.name == "limit":
            # Above the variable's line.
            last = found.pop().rsplit("\n#", 1)
            lines = [f"#   {each.name}={each.shown_default}" for each in limits_of(RelaySettings)]
            found.append("\n".join([last[0], *lines, "#" + last[1]]))
    found.append(entry(SECRET, "Secret of the Lightning control plane's operators."))
    found.append("\n# Other commands\n# --------------\n")
    found += [entry(name, meaning) for name, meaning in OTHERS.items()]
    return "".join(found)


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(content())
    else:
        FILE.write_text(content(), encoding="utf-8")
