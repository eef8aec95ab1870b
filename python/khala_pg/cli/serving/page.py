"""`khala page`: a link that signs in to the admin page, and the sessions that links opened."""

import secrets
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated

import httpx
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import counted, duration, json_text, utc, wide_console
from khala_pg.errors import KhalaError, UsageError
from khala_pg.page.sessions import PATH
from khala_pg.settings import DATABASE, HTTP, organisation, resolve
from khala_pg.sqlapi import page_sessions
from khala_pg.sqlapi.roles import DBA, connected

_TIMEOUT_S = 2.0
_RELAY = replace(HTTP, option="--url")


def command(
    org: Annotated[
        list[str] | None,
        typer.Option(
            help="Organisation that the session is for; may be repeated. Default: any, and what "
            "belongs to the whole installation."
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            help="Who signs in: the subject of the session's tokens, which `khala flags set web "
            "--person` names. Default: the name of your login in the database."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="The HTTP address of a relay, as your browser reaches it. Default: "
            "KHALA_HTTP_URL, else a running `khala dev`."
        ),
    ] = None,
    list_sessions: Annotated[
        bool, typer.Option("--list", help="List sessions, and links that are not used yet.")
    ] = False,
    end: Annotated[
        str | None,
        typer.Option(
            metavar="ID|all", help="End a session or a link, or all: its tokens end at once."
        ),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that signs your browser in to the admin page of a relay.

    The link works once, within ten minutes. The session that it opens lasts twelve hours; it reads
    what administrators read, follows every topic, and operates workers and the Lightning switches
    of its organisations. Whoever has the link has all that: give it to nobody else.

    Examples:

        khala page

        khala page --org acme --person ann --url https://khala.example

        khala page --list

        khala page --end all
    """
    if list_sessions and end is not None:
        raise UsageError("--list and --end contradict each other", "Pass one of them.")
    if (list_sessions or end is not None) and (org or person or url):
        raise UsageError(
            "--org, --person and --url are for a new link", "Leave them out, or the other one."
        )
    if list_sessions:
        _list(resolve(DATABASE, database), as_json)
    elif end is not None:
        _end(resolve(DATABASE, database), end)
    else:
        first = None if org else organisation(None, database)
        relay = _checked(resolve(_RELAY, url))
        _create(resolve(DATABASE, database), org, first, person, relay, as_json)


def _create(
    database: str,
    org: list[str] | None,
    first: str | None,
    person: str | None,
    relay: str,
    as_json: bool,
) -> None:
    code = secrets.token_urlsafe(32)
    with connected(database, DBA) as connection:
        link = page_sessions.create_link(connection, code, org or None, first, person)
    address = f"{relay}/#/sign-in/{code}"
    if as_json:
        shown = {"url": address, "session_id": link.session_id, "organisations": org or None}
        more = {"person": link.person, "expires_at": link.expires_at.isoformat()}
        typer.echo(json_text({**shown, **more}))
        return
    typer.echo(address)
    left_s = (link.expires_at - datetime.now(UTC)).total_seconds()
    whom = "any organisation" if not org else ", ".join(org)
    _say(f"for {whom}, as {link.person}; works once, within {duration(round(left_s, -1))}")


def _checked(url: str) -> str:
    """The address without a slash at its end.

    Warns where no relay responds: the browser may reach one all the same. Raises UsageError where
    one says that it serves no page or cannot sign tokens.
    """
    relay = url.rstrip("/")
    try:
        session = httpx.get(f"{relay}{PATH}/session", timeout=_TIMEOUT_S, trust_env=False)
        page = httpx.get(f"{relay}/", timeout=_TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _say(f"no relay responds at {relay} from here ({error}): does your browser reach one?")
        return relay
    code = _code(session)
    if code == "sync_token_unavailable":
        raise KhalaError(
            f"the relay at {relay} has no key to sign tokens with, so its page cannot sign in",
            "Give it a keyring with a key of its own: khala keyring new FILE, "
            "khala relay --keyring FILE.",
        )
    if session.status_code == httpx.codes.NOT_FOUND:
        raise UsageError(
            f"{relay} is not the HTTP address of a relay that has an admin page",
            "Name one with --url, such as http://127.0.0.1:4001; an older relay has none.",
        )
    if page.status_code == httpx.codes.NOT_FOUND:
        raise UsageError(
            f"the relay at {relay} serves no page",
            "Start it without --no-page; where khala-pg was installed without the built page, "
            "name one with --web-dir.",
        )
    return relay


def _code(response: httpx.Response) -> str | None:
    try:
        return str(response.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _list(database: str, as_json: bool) -> None:
    with connected(database, DBA) as connection:
        found = page_sessions.sessions(connection)
    if as_json:
        for each in found:
            print(json_text(asdict(each)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("session", "person", "organisations", "made by", "signed in", "ends"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.session_id,
            each.person,
            "any" if each.org_ids is None else "\n".join(each.org_ids),
            each.created_by,
            "not yet" if each.signed_in_at is None else utc(each.signed_in_at),
            utc(each.expires_at),
        )
    wide_console().print(table)


def _end(database: str, session_id: str) -> None:
    with connected(database, DBA) as connection:
        ended = page_sessions.end(connection, None if session_id == "all" else session_id)
    if not ended and session_id != "all":
        raise UsageError(
            f"there is no session {session_id!r}", "`khala page --list` shows those there are."
        )
    typer.echo(f"{counted(ended, 'session or link', 'sessions and links')} ended")


def _say(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"khala: {line}", markup=False)
