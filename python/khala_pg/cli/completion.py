"""`khala completion`: the script that completes commands, options and topics in a shell."""

from typing import Annotated, Literal

import typer
from typer._completion_shared import get_completion_script


def command(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.")],
) -> None:
    """Print a script that completes commands, options and topics.

    Topics come from the database that KHALA_DATABASE_URL or a running `khala dev` names, if it
    responds within a second. `khala --install-completion` writes the script to where the shell in
    use looks for it.

    Examples:

        khala completion bash > ~/.local/share/bash-completion/completions/khala

        khala completion zsh > ~/.zfunc/_khala

        khala completion fish > ~/.config/fish/completions/khala.fish
    """
    typer.echo(
        get_completion_script(prog_name="khala", complete_var="_KHALA_COMPLETE", shell=shell)
    )
