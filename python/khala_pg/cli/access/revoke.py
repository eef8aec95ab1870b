"""`khala revoke`: make tokens worthless, at once and on every relay."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import counted, json_text, print_table, utc
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

_NAMES = {"jti": "token", "sub": "subject", "org": "organisation"}

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    jti: Annotated[str | None, typer.Option(help="One token, by its id.")] = None,
    sub: Annotated[str | None, typer.Option(help="All tokens of a subject.")] = None,
    org: Annotated[str | None, typer.Option(help="All tokens of an organisation.")] = None,
    for_ever: Annotated[
        bool, typer.Option("--for-ever", help="Tokens that are still to be issued as well.")
    ] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Take a revocation back.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    database: Database = None,
) -> None:
    """Revoke tokens: their sockets are closed within a second, and no new one opens with them.

    Without --for-ever, tokens issued from now on are good again: that is what a logout wants.

    A revocation is recorded whether or not a token like that was ever issued. The command shows
    which API keys make such tokens.

    Examples:

        khala revoke --sub ann --reason 'lost her laptop'

        khala revoke --org acme --for-ever

        khala revoke --org acme --lift

        khala revoke list
    """
    if context.invoked_subcommand is not None:
        context.obj = database
        return
    named = {kind: value for kind, value in (("jti", jti), ("sub", sub), ("org", org)) if value}
    if len(named) != 1:
        raise UsageError("whom to revoke?", "Pass one of --jti, --sub and --org.")
    if for_ever and lift:
        raise UsageError("--for-ever and --lift contradict each other", "Pass one of them.")
    [(kind, value)] = named.items()
    issued_until = "infinity" if for_ever else "-infinity" if lift else None
    with connected(resolve(DATABASE, database), DBA) as connection:
        in_force = any(
            (each.kind, each.value) == (kind, value) for each in admin.revocations(connection)
        )
        number = admin.revoke(connection, kind, value, issued_until, reason)
        keys = [key for key in admin.api_keys(connection) if not key.revoked_at]
    said = Console(highlight=False, soft_wrap=True)
    whose = f"{_NAMES[kind]} {value!r}"
    if lift:
        of = "the revocation" if in_force else "there was no revocation"
        said.print(f"{of} of {whose}{' is taken back' if in_force else ''}", markup=False)
        return
    until = "now and later" if for_ever else "until now"
    said.print(
        f"recorded as revocation {number}: {whose}, tokens issued {until}; relays close their "
        "sockets within a second",
        markup=False,
    )
    if kind == "jti":
        return
    owners = {key.key_id: key.subject if kind == "sub" else key.org_id for key in keys}
    makers = [key_id for key_id, owner in owners.items() if owner == value]
    on_request = [key_id for key_id, owner in owners.items() if owner is None]
    if makers:
        said.print(
            f"{counted(len(makers), 'API key makes', 'API keys make')} such tokens: "
            f"{', '.join(makers)}; `khala key revoke` ends a key",
            markup=False,
        )
    if on_request:
        said.print(
            f"{counted(len(on_request), 'API key makes', 'API keys make')} tokens for any "
            f"{_NAMES[kind]}: {', '.join(on_request)}; if nobody was disconnected, check the "
            "spelling",
            markup=False,
        )
    elif not makers:
        said.print(
            "no API key makes such tokens; if nobody was disconnected, check the spelling",
            markup=False,
        )


@app.command("list")
def list_revocations(
    context: typer.Context, database: Database = None, as_json: AsJson = False
) -> None:
    """List the revocations in force, oldest first."""
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        found = admin.revocations(connection)
    if as_json:
        for each in found:
            print(json_text(asdict(each)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("number", "of", "value", "tokens issued", "revoked", "by", "reason"):
        table.add_column(column, overflow="fold")
    for each in found:
        until = f"until {utc(each.issued_until)}" if each.issued_until else "ever"
        table.add_row(
            str(each.number),
            _NAMES[each.kind],
            each.value,
            until,
            utc(each.revoked_at),
            each.revoked_by,
            each.reason or "",
        )
    print_table(
        table,
        "No revocation is in force. khala revoke --help shows how to revoke a token.",
    )
