"""The command `khala`: modules of subcommands, each with a function `command` or a Typer `app`."""
