"""The help of every command, as a terminal shows it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from khala_pg.cli.main import COMMANDS, app
from khala_pg.limits import limits_of
from khala_pg.relay.settings import RelaySettings


def commands(command: Any) -> Iterator[Any]:
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from commands(one)


@pytest.mark.parametrize("name", COMMANDS)
def test_paragraphs_wrap_at_the_width_of_the_terminal_only(name: str) -> None:
    group: Any = typer.main.get_command(app)
    for command in commands(group.get_command(None, name)):
        assert command.help
        assert not re.search(r"\S\n\S", command.help)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_stay_indented(name: str) -> None:
    group: Any = typer.main.get_command(app)
    found = group.get_command(None, name)
    for path in [[name], *([name, one] for one in getattr(found, "commands", {}))]:
        shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"}).stdout
        _, _, examples = shown.partition("Example")
        examples, _, _ = examples.partition("╭")
        for line in examples.splitlines()[1:]:
            assert not line.strip() or line.startswith("     khala "), shown
        assert "[dim]" not in shown


def test_extras_in_brackets_are_shown() -> None:
    shown = CliRunner().invoke(app, ["relay", "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "khala-pg[otel]" in shown.stdout


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_every_limit_is_shown_whole_with_its_default(columns: str) -> None:
    shown = CliRunner().invoke(app, ["relay", "--help"], env={"COLUMNS": columns}).stdout
    limits = list(limits_of(RelaySettings))
    assert len(limits) > 40
    for each in limits:
        assert shown.count(f"\n  {each.name}={each.shown_default}\n") == 1
        assert each.limit.meaning in " ".join(shown.split())
