"""`khala lightning`: the Lightning control plane."""

import typer

from khala_pg.cli.lightning import serve

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command("serve", cls=serve.Command)(serve.command)


@app.callback()
def group() -> None:
    """The Lightning control plane: its API, served by itself."""
