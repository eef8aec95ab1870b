"""`khala token`: make a token for a subscriber."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from khala_pg.auth import claims, keyring_file
from khala_pg.auth import keyring as keys
from khala_pg.cli.text import refuse_enum_names
from khala_pg.cli.topics.topic_names import complete
from khala_pg.errors import UsageError
from khala_pg.settings import HTTP, KEYRING, resolve

_TIMEOUT_S = 2.0
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def command(
    org: Annotated[
        str | None, typer.Option(help="Organisation whose documents the bearer sees.")
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="Topic the bearer may subscribe to, or TOPIC/PREFIX for the documents whose key "
            "begins so; may be repeated.",
            autocompletion=complete,
        ),
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long it is good for: 90s, 15m, 12h, 30d.")] = "1h",
    subject: Annotated[str, typer.Option(help="Who the bearer is.")] = "khala",
    keyring: Annotated[
        str | None,
        typer.Option(
            help="File of the signing keys. Default: KHALA_KEYRING, else a running `khala dev`."
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            help="The HTTP address of a relay that is to take the token. Default: KHALA_HTTP_URL, "
            "else a running `khala dev`; without one the token is not tried."
        ),
    ] = None,
) -> None:
    """Print a token that is good for the socket and for HTTP.

    The relay, if one is known, is tried with the token for each topic. If it refuses, a warning
    says why: a topic that is not registered, a key or an audience that it does not know, a
    subject that is revoked.

    Example:

        khala token --org acme --topic runtime.run_summaries --ttl 12h

        khala token --org acme --topic shop.orders/customer/42/
    """
    if not org or not topic:
        raise UsageError(
            "a token needs an organisation and at least one topic",
            "For example: khala token --org acme --topic runtime.run_summaries",
        )
    refuse_enum_names(topic)
    ring = keyring_file.load(Path(resolve(KEYRING, keyring)))
    try:
        token = keys.sign_token(
            ring, org_id=org, scopes=topic, subject=subject, ttl_s=_seconds(ttl)
        )
    except claims.TokenError as error:
        raise UsageError(
            f"every relay would refuse this token: {error}",
            "See --ttl, --org, --topic and --subject in `khala token --help`.",
        ) from error
    typer.echo(token)
    for warning in _warnings(token, topic, _relay(http), given=http is not None):
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"khala: {warning}", markup=False
        )


def _relay(option: str | None) -> str | None:
    try:
        return resolve(HTTP, option)
    except UsageError:
        return None


def _warnings(
    token: str, topics: Sequence[str], relay: str | None, *, given: bool
) -> Iterator[str]:
    """Reasons why a relay would refuse the token; none when no relay is known.

    given: the user named the relay, and learns when it does not respond.
    """
    if relay is None:
        return
    for topic in topics:
        if topic in claims.NOT_TOPICS:
            continue
        name, _, prefix = topic.partition("/")
        try:
            response = httpx.get(
                f"{relay.rstrip('/')}/api/sync/snapshot",
                params={"topic": name, "prefix": prefix, "limit": 1},
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT_S,
                trust_env=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if given:
                yield f"the token was not tried: {relay} does not respond: {error}"
            return
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield f"the relay at {relay} refuses this token: {_message(response)}"
            return
        if response.status_code == httpx.codes.FORBIDDEN:
            yield (
                f"the relay at {relay} does not know the topic {name}: `khala topics add` "
                "registers one, `khala topics` lists them"
            )


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    if found is None:
        raise UsageError(f"{text!r} is not a span of time", "Write 90s, 15m, 12h or 30d.")
    return int(found[1]) * _UNITS_S[found[2]]
