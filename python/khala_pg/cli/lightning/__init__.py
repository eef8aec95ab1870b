"""`khala lightning`: the Lightning control plane, and its operators' programs."""

import typer

from khala_pg.cli.lightning import compile, reconcile, serve, settlements, smoke
from khala_pg.cli.lightning.programs import Program

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command("serve", cls=serve.Command)(serve.command)
app.command("compile", cls=Program)(compile.command)
app.command("reconcile", cls=Program)(reconcile.command)
app.add_typer(settlements.app, name="settlements")
app.add_typer(smoke.app, name="smoke")


@app.callback()
def group() -> None:
    """The Lightning control plane: its API, and the programs of its operators.

    The programs find the control plane by OA_LIGHTNING_OPS_API_BASE_URL and send
    OA_LIGHTNING_OPS_SECRET; with a `khala dev` in this directory or above, they need neither.

    Begin with `khala lightning smoke compile --mode mock`, which needs no server.
    """
