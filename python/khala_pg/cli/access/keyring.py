"""`khala keyring`: the file of the keys that tokens are signed with."""

from pathlib import Path
from typing import Annotated

import typer

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.cli.options import AsJson
from khala_pg.cli.text import json_text
from khala_pg.errors import UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The file of the keys that tokens are signed with.",
)

File = Annotated[Path, typer.Argument(help="The keyring file.")]


@app.command()
def new(
    path: File,
    issuer: Annotated[str, typer.Option(help="Who signs.")] = "khala",
    audience: Annotated[str, typer.Option(help="Whom tokens are for.")] = "khala-sync",
    as_json: AsJson = False,
) -> None:
    """Make a keyring file with one fresh key, and name the key.

    Examples:

        khala keyring new keyring.json

        khala keyring new keyring.json --json | jq -r .kid
    """
    if path.exists():
        raise UsageError(
            f"there is a file {path} already",
            "Choose another name: the tokens of a key that is gone are refused.",
        )
    for option, value in (("--issuer", issuer), ("--audience", audience)):
        if not value:
            raise UsageError(f"{option} is empty", "Leave it out for the default.")
    ring = keys.generate(issuer, audience)
    keyring_file.save(ring, path)
    if not as_json:
        show(path)
        return
    made = {"file": str(path), "kid": ring.current, "issuer": issuer, "audience": audience}
    print(json_text(made))


@app.command()
def rotate(path: File) -> None:
    """Take one step of a rotation: announce the next key, or let it sign and drop the oldest.

    Bring the file to every relay and send each a SIGHUP between two steps. A key signs only after
    it has been announced, and is dropped one step after it signed last: leave more time between
    steps than a token lives, and no socket is lost.
    """
    rotated = keys.rotate(keyring_file.load(path))
    keyring_file.save(rotated, path)
    show(path)


@app.command()
def show(path: File) -> None:
    """Say which keys there are and what each is for; secrets are not shown."""
    ring = keyring_file.load(path)
    for kid, key in ring.keys.items():
        role = {ring.current: "signs", ring.next: "signs next"}.get(kid, "verifies only")
        typer.echo(f"{kid}  {key.alg}  {role}")
    for key_set in ring.jwks:
        typer.echo(f"keys of {key_set.issuer} from {key_set.url or key_set.file}")
