"""`khala revoke`: make tokens worthless, at once and on every relay."""

from typing import Annotated

import typer

from khala_pg.cli.options import Database
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected


def command(
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

    Examples:

        khala revoke --sub ann --reason 'lost her laptop'

        khala revoke --org acme --for-ever

        khala revoke --org acme --lift
    """
    named = {kind: value for kind, value in (("jti", jti), ("sub", sub), ("org", org)) if value}
    if len(named) != 1:
        raise UsageError("whom to revoke?", "Pass one of --jti, --sub and --org.")
    if for_ever and lift:
        raise UsageError("--for-ever and --lift contradict each other", "Pass one of them.")
    [(kind, value)] = named.items()
    issued_until = "infinity" if for_ever else "-infinity" if lift else None
    with connected(resolve(DATABASE, database), DBA) as connection:
        admin.revoke(connection, kind, value, issued_until, reason)
