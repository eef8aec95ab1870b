"""`khala token`: make a token for a subscriber."""

import re
from pathlib import Path
from typing import Annotated

import typer

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.cli.text import refuse_enum_names
from khala_pg.errors import UsageError
from khala_pg.settings import KEYRING, resolve

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def command(
    org: Annotated[
        str | None, typer.Option(help="Organisation whose documents the bearer sees.")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="Topic the bearer may subscribe to; may be repeated.")
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long it is good for: 90s, 15m, 12h, 30d.")] = "1h",
    subject: Annotated[str, typer.Option(help="Who the bearer is.")] = "khala",
    keyring: Annotated[
        str | None,
        typer.Option(
            help="File of the signing keys. Default: KHALA_KEYRING, else a running `khala dev`."
        ),
    ] = None,
) -> None:
    """Print a token that is good for the socket and for HTTP.

    Example:

        khala token --org acme --topic runtime.run_summaries --ttl 12h
    """
    if not org or not topic:
        raise UsageError(
            "a token needs an organisation and at least one topic",
            "For example: khala token --org acme --topic runtime.run_summaries",
        )
    refuse_enum_names(topic)
    ring = keyring_file.load(Path(resolve(KEYRING, keyring)))
    token = keys.sign_token(ring, org_id=org, scopes=topic, subject=subject, ttl_s=_seconds(ttl))
    typer.echo(token)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    if found is None:
        raise UsageError(f"{text!r} is not a span of time", "Write 90s, 15m, 12h or 30d.")
    return int(found[1]) * _UNITS_S[found[2]]
