"""`khala key`: API keys, which are exchanged for tokens."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from khala_pg.auth import api_keys
from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import json_text, number, print_table, refuse_enum_names, utc
from khala_pg.cli.topics.topic_names import complete
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="API keys, which are exchanged for tokens."
)


@app.command()
def create(
    label: Annotated[str, typer.Argument(help="What it is for, in words for humans.")],
    topic: Annotated[
        list[str],
        typer.Option(
            help="Topic its tokens may be for, or TOPIC/PREFIX for the documents whose key begins "
            "so; may be repeated.",
            autocompletion=complete,
        ),
    ],
    org: Annotated[
        str | None, typer.Option(help="Organisation whose documents its tokens see.")
    ] = None,
    any_org: Annotated[
        bool,
        typer.Option(
            "--any-org", help="Each request names the organisation: a key to everybody's documents."
        ),
    ] = False,
    subject: Annotated[
        str | None,
        typer.Option(
            help="Who its tokens say they are. Default: each request may name a sub; that of the "
            "others is key:<id>."
        ),
    ] = None,
    tokens_per_minute: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="Tokens that each relay issues for it. Default: 6000."
        ),
    ] = None,
    lifetime: Annotated[
        str | None, typer.Option(help="How long it is good for: '90 days'. Default: for ever.")
    ] = None,
    database: Database = None,
) -> None:
    """Make an API key and print it. It is shown this once: only its hash is stored.

    Example:

        khala key create 'web shop' --org acme --topic runtime.run_summaries --lifetime '90 days'

        khala key create backend --any-org --topic shop.orders --tokens-per-minute 20000

        khala key create 'customer 42' --org acme --topic shop.orders/customer/42/
    """
    if (org is None) != any_org:
        raise UsageError(
            "whose documents do its tokens see?",
            "Pass --org, or --any-org for a service of all organisations.",
        )
    refuse_enum_names(topic)
    key = api_keys.generate()
    with connected(resolve(DATABASE, database), DBA) as connection:
        admin.create_api_key(
            connection, key, label, subject, org, topic, lifetime, tokens_per_minute
        )
    typer.echo(str(key))
    if sys.stderr.isatty():
        typer.echo(f"key {key.key_id}: keep it now, it is not shown again", err=True)


@app.command("list")
def list_keys(
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys, those that have ended too."""
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = admin.api_keys(connection)
    if as_json:
        for key in found:
            print(json_text(asdict(key)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (
        "key",
        "label",
        "subject",
        "organisation",
        "topics",
        "a minute",
        "state",
        "last used",
    ):
        table.add_column(column, overflow="fold")
    for key in found:
        until = utc(key.expires_at) if key.expires_at else "revoked"
        state = "revoked" if key.revoked_at else f"until {until}"
        used = "never" if key.last_used_at is None else utc(key.last_used_at)
        table.add_row(
            key.key_id,
            key.label,
            key.subject or "as requested",
            key.org_id or "as requested",
            "\n".join(key.scopes),
            number(key.tokens_per_minute),
            state,
            used,
        )
    print_table(
        table,
        "There is no API key. Make one: khala key create LABEL --org ORG --topic TOPIC",
    )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id: the part between khala_ and the secret.")],
    database: Database = None,
) -> None:
    """End an API key for good.

    Tokens made with it live on for at most 15 minutes; `khala revoke --sub` ends those at once.
    """
    with connected(resolve(DATABASE, database), DBA) as connection:
        if not admin.revoke_api_key(connection, key_id):
            raise UsageError(
                f"there is no key {key_id!r}", "`khala key list` shows those there are."
            )
