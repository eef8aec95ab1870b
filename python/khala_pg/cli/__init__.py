"""The command `khala`: a module per subcommand, with a function `command` or a Typer `app`."""
